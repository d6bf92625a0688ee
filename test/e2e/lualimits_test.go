package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// luaLimits tries the limits of the Lua runtime: a match that backtracks, timers, a pool of sockets.
const luaLimits = `
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local out = {}
        local m, err = ngx.re.match(("a"):rep(9) .. "bc", "(a+a+)+c")
        out[1] = tostring(m) .. " " .. tostring(err)
        local timers = 0
        while timers < 20 and ngx.timer.at(60, function() end) do timers = timers + 1 end
        out[2] = timers
        local function open()
          local s = ngx.socket.tcp()
          assert(s:connect("127.0.0.1", PORT))
          return s
        end
        local a, b = open(), open()
        a:setkeepalive() b:setkeepalive()
        a, b = open(), open()
        out[3] = a:getreusedtimes() + b:getreusedtimes()
        a:close() b:close()
        out[4] = tostring(ngx.shared.mine ~= nil)
        kong.response.exit(200, table.concat(out, "|"))
`

// The limits of kong.conf reach the Lua runtime.
func TestLuaLimits(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	conf := everythingTo(up, strings.ReplaceAll(luaLimits, "PORT", up[strings.LastIndexByte(up, ':')+1:]))
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, "nil nil|20|2|false"},
		{[]string{"KONG_NGINX_HTTP_LUA_REGEX_MATCH_LIMIT=50", "KONG_NGINX_HTTP_LUA_MAX_PENDING_TIMERS=7", "KONG_LUA_SOCKET_POOL_SIZE=1", "KONG_NGINX_STREAM_LUA_SHARED_DICT=mine 1m"}, "nil pcre_exec() failed: -47|7|1|true"},
	} {
		g := start(t, conf, append([]string{"KONG_UNTRUSTED_LUA=on", "KONG_NGINX_WORKER_PROCESSES=1"}, c.env...)...)
		res, err := http.Get(fmt.Sprintf("http://%s/", g.addr))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if string(b) != c.want {
			t.Errorf("%v: %s, want %s", c.env, b, c.want)
		}
		g.Stop()
	}
}
