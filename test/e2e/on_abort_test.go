package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOnAbort shows ngx.on_abort, and what becomes of handlers that wait when their client goes.
func TestOnAbort(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	conf := everythingTo(up, "    plugins: [{name: snippet}]\n")
	off := start(t, conf, "KONG_PLUGINS=bundled,snippet")
	ask(t, off, `nil "lua_check_client_abort is off"`, getting(`say(ngx.on_abort(function() end)) return reply()`))

	g := start(t, conf, "KONG_PLUGINS=bundled,snippet", "KONG_NGINX_HTTP_LUA_CHECK_CLIENT_ABORT=on", "KONG_PROXY_LISTEN=ADDR http2")
	ask(t, g, `1; nil "duplicate call"`, getting(`say(ngx.on_abort(function() end)) say(ngx.on_abort(function() end)) return reply()`))
	ask(t, g, `false "bad argument #1 to 'on_abort' (function expected, got nil)"`, getting(`say(pcall(ngx.on_abort)) return reply()`))
	for _, c := range []struct{ name, code, want, never string }{
		{"a callback that ends the request", `ngx.on_abort(function() ngx.log(ngx.WARN, "one: aborted") return ngx.exit(499) end) ngx.sleep(1) ngx.log(ngx.WARN, "one: woke up")`,
			"one: aborted", "one: woke up"},
		{"a callback that does not", `ngx.on_abort(function() ngx.log(ngx.WARN, "two: aborted") end) ngx.sleep(0.6) ngx.log(ngx.WARN, "two: woke up")`,
			"two: woke up", "two: never"},
		{"a callback that waits", `ngx.on_abort(function() ngx.sleep(0.1) ngx.log(ngx.WARN, "three: aborted") ngx.exit(499) end) ngx.sleep(1) ngx.log(ngx.WARN, "three: woke up")`,
			"three: aborted", "three: woke up"},
		{"a callback that fails", `ngx.on_abort(function() error("four: failed") end) ngx.sleep(0.6) ngx.log(ngx.WARN, "four: woke up")`,
			"four: woke up", "four: never"},
		{"a request that ends before its callback", `ngx.on_abort(function() ngx.sleep(1) ngx.log(ngx.WARN, "seven: too late") end) ngx.sleep(0.3) ngx.log(ngx.WARN, "seven: woke up")`,
			"seven: woke up", "seven: too late"},
		{"no callback", `ngx.log(ngx.WARN, "five: begins") ngx.sleep(0.6) ngx.log(ngx.WARN, "five: woke up")`, "five: begins", "five: woke up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, g.addr)
			conn.send(getting(c.code))
			time.Sleep(100 * time.Millisecond)
			conn.Close()
			if !g.logs(c.want) {
				t.Errorf("%q is not in the log\n%s", c.want, g.log())
			}
			time.Sleep(1100 * time.Millisecond)
			if strings.Contains(g.log(), c.never) {
				t.Errorf("%q is in the log", c.never)
			}
		})
	}
	t.Run("HTTP/2", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		code := `ngx.on_abort(function() ngx.log(ngx.WARN, "six: aborted") return ngx.exit(499) end) ngx.sleep(2) ngx.log(ngx.WARN, "six: woke up")`
		if _, err := g.h2Post(t, h2Client(false), ctx, code, nil); err == nil {
			t.Error("there is an answer")
		}
		if !g.logs("six: aborted") {
			t.Errorf("the callback does not run\n%s", g.log())
		}
	})
	// The client that stays is served as ever, and so are those after the others.
	ask(t, g, `"done"`, getting(`ngx.on_abort(function() end) ngx.sleep(0.05) say("done") return reply()`))
}
