package plugins

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stepsConfig is the configuration of the plugin "steps" for the given code.
func stepsConfig(steps map[string]string) string {
	b, _ := json.Marshal(map[string]any{"steps": steps})
	return string(b)
}

// steps opens a gateway whose route /steps runs the code that X-Step names.
func steps(t *testing.T, code map[string]string, settings ...string) *site {
	t.Helper()
	return open(t, map[string]string{"steps": stepsConfig(code)}, "", settings...)
}

const sessionOptions = `local storage, scheme = kong.request.get_header("x-storage") or "cookie", kong.request.get_header("x-life")
	local function o(more)
		local t = { secret = "a secret", cookie_name = "sid", storage = storage, redis = { host = "127.0.0.1", port = $REDIS, password = "pass", database = 1, prefix = "s" },
			memcached = { host = "127.0.0.1", port = $MEMCACHED } }
		for k, v in pairs(more or {}) do t[k] = v end
		return t
	end
	local session = require "resty.session" `

// fakeMemcached knows what sessions need.
func fakeMemcached(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var mu sync.Mutex
	kept := map[string]string{}
	answer := func(r *bufio.Reader, f []string) string {
		mu.Lock()
		defer mu.Unlock()
		v, ok := "", false
		if len(f) > 1 {
			v, ok = kept[f[1]]
		}
		switch f[0] {
		case "set":
			n, _ := strconv.Atoi(f[4])
			b := make([]byte, n+2)
			_, _ = io.ReadFull(r, b)
			kept[f[1]] = string(b[:n])
			return "STORED\r\n"
		case "get":
			if ok {
				return fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", f[1], len(v), v)
			}
			return "END\r\n"
		case "touch":
			return "TOUCHED\r\n"
		case "delete":
			delete(kept, f[1])
			return "DELETED\r\n"
		}
		return "ERROR\r\n"
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, answer(r, strings.Fields(line)))
				}
			}()
		}
	}()
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}

var sessionSteps = map[string]string{
	"start":   `local s, err, exists, refreshed = session.start(o()) return err, exists, refreshed, s:get("user"), s.data.n, s.present, s:get_subject()`,
	"login":   `local s = session.start(o()) s:set("user", "ada") s.data.n = (s.data.n or 0) + 1 s:set_subject("sub") return s:save()`,
	"open":    `local s, err, exists = session.open(o()) s:hide() if not exists then return err end ngx.req.set_header("X-User", s:get("user"))`,
	"refresh": `local s = session.open(o()) return s:refresh()`,
	"touch":   `local s = session.open(o()) return s:touch()`,
	"logout":  `return session.logout(o())`,
	"destroy": `local s = session.start(o()) return s:destroy()`,
	"secret":  `local s, err, exists = session.open(o { secret = "another" }) return err, exists`,
	"rotated": `local s, err, exists = session.open(o { secret = "another", secret_fallbacks = { "a secret" } }) return err, exists`,
	"big":     `local s = session.start(o()) s:set("big", require("resty.random").bytes(4500):gsub("[%c\128-\255]", function(c) return ("%02x"):format(c:byte()) end):sub(1, 6000)) return s:save()`,
	"read":    `local s, err = session.open(o()) return #(s:get("big") or ""), err`,
	"huge":    `local s = session.start(o()) s:set("big", (require("resty.string").to_hex(require("resty.random").bytes(40000)))) return s:save()`,
	"small":   `local s = session.start(o()) s:set("big", nil) return s:save()`,
	"short":   `local s, err, exists, refreshed = session.start(o { cookie_name = "short", rolling_timeout = 4, idling_timeout = 0 }) if not exists then s:save() end return err, exists, refreshed`,
	"gone":    `local s, err, exists = session.start(o { cookie_name = "gone", rolling_timeout = 1, idling_timeout = 0 }) if not exists then s:save() end return err, exists`,
	"abs":     `local s, err, exists = session.start(o { cookie_name = "abs", absolute_timeout = 1 }) if not exists then s:save() end return err, exists`,
	"idle":    `local s, err, exists = session.start(o { cookie_name = "idle", idling_timeout = 2, touch_threshold = 0 }) if not exists then s:save() end return err, exists`,
	"props": `local s = session.start(o()) s:set_response_headers("id", "subject", "timeout", "rolling-timeout", "absolute-timeout")
		return #s:get_property("id"), s:get_property("audience"), s:get_property("subject"), s:get_property("timeout"), s:get_property("rolling-timeout")`,
	"info":       `local s = session.start(o()) local before = s.info:get("ip") s.info:set("ip", "10.0.0.1") s.info:save() return before`,
	"audience":   `local s = session.start(o { audience = "other" }) s:set("a", 1) return s:get("user"), s:save()`,
	"both":       `return session.open(o()):get("user"), session.open(o { audience = "other" }):get("a")`,
	"leave":      `local ok, err, exists, out = session.logout(o { audience = "other" }) return ok, exists, out`,
	"remember":   `local s = session.start(o { remember = true }) s:set("user", "eve") return s:save()`,
	"attributes": `local s = session.start(o { cookie_name = "att", cookie_prefix = "__Host-", cookie_domain = "a.test", cookie_same_site = "Strict", cookie_http_only = false }) s:save() return "ok"`,
	"nostorage":  `return pcall(session.start, { storage = "file" })`,
	"noshm":      `return pcall(session.start, { storage = "shm", shm = { zone = "absent" } })`,
	"down":       `local s, err = session.start { cookie_name = "d", storage = "redis", redis = { host = "127.0.0.1", port = 1 } } return s:save()`,
	"init":       `session.init { cookie_name = "init", secret = "k" } local s = session.start() s:save() session.init(nil) return s.name`,
	"default":    `local s, err, exists = session.start() s:set("a", (s:get("a") or 0) + 1) s:save() return exists, s:get("a")`,
	// version 3
	"v3": `local s, present, reason = session.start { name = "v3", secret = "k", cookie = { persistent = true, lifetime = 100, samesite = "None", secure = false } } s.data.n = (s.data.n or 0) + 1 local ok, err = s:save()
		return present, s.data.n, ok, err, s.cookie.persistent, #s.id > 20, s.expires - ngx.time()`,
	"v3 new":   `local s = session.new { name = "v3", secret = "k" } s.cookie.lifetime = 50 s.cookie.renew = 10 return s:open(), s.present, s.data.n, s.opened`,
	"v3 id":    `local s = session.start { name = "v3", secret = "k" } local id = s.id s:regenerate() return id ~= s.id, s.data.n, (s:close())`,
	"v3 end":   `local s, present = session.open { name = "v3", secret = "k" } s:hide() s:destroy() return present, s.destroyed, s.present`,
	"v3 ua":    `local s, present, reason = session.start { name = "ua", secret = "k", check = { ua = true, addr = true, scheme = true } } return present, reason`,
	"v3 check": `local s = session.new { name = "chk", secret = "k" } s.check.ua = true local ok, err = s:open() if not ok then s:save() end return ok, err`,
	"v3 shm":   `local s, present = session.start { name = "v3shm", secret = "k", storage = "shm", shm = { store = "sessions" } } s.data.n = (s.data.n or 0) + 1 s:save() return present, s.data.n`,
	"v3 var":   `ngx.var.session_secret = "from a variable" ngx.var.session_name = "named" local s, present = session.start() s:save() return s.name, ngx.var.session_secret, ngx.var.session_storage, pcall(function() ngx.var.other_name = 1 end)`,
}

func TestSession(t *testing.T) {
	port := fakeMemcached(t)
	code := map[string]string{}
	for name, text := range sessionSteps {
		code[name] = strings.ReplaceAll(sessionOptions+text, "$MEMCACHED", port)
	}
	s := steps(t, code)
	t.Run("storages", func(t *testing.T) {
		for _, storage := range []string{"cookie", "shm", "redis", "memcached"} {
			t.Run(storage, func(t *testing.T) { sessionLife(t, s, storage) })
		}
	})
	t.Run("timeouts", func(t *testing.T) { sessionTimeouts(t, s) })
	t.Run("audiences", func(t *testing.T) { sessionAudiences(t, s) })
	t.Run("version 3", func(t *testing.T) { sessionOld(t, s) })
	do := func(step string) *answer { return s.do(t, "GET /steps/", "X-Step: "+step) }
	wants(t, regexp.MustCompile(`^__Host-att=[^;]+; Path=/; SameSite=Strict; Secure$`).MatchString(do("attributes").Header.Get("Set-Cookie")), true)
	wants(t, strings.Contains(do("nostorage").body, "session storage 'file' is not supported; use cookie, shm, redis or memcached"), true,
		strings.Contains(do("noshm").body, `lua_shared_dict "absent" was not found`), true, do("down").body, "nil connection refused", do("init").body, "init")
	b := s.browser()
	wants(t, b.get(t, "/steps/", "X-Step: default").body, "false 1", b.get(t, "/steps/", "X-Step: default").body, "true 2")
	a := do("remember")
	wants(t, len(a.Cookies()), 2, a.Cookies()[0].MaxAge, 0, a.Cookies()[1].Name, "remember", a.Cookies()[1].MaxAge, 604800)
	wants(t, s.do(t, "GET /steps/", "X-Step: start", "Cookie: remember="+a.Cookies()[1].Value).body, "nil true true eve nil true nil")
}

func sessionLife(t *testing.T, s *site, storage string) {
	b := s.browser()
	do := func(step string) *answer {
		t.Helper()
		return b.get(t, "/steps/", "X-Step: "+step, "X-Storage: "+storage)
	}
	a := do("start")
	wants(t, a.body, "missing session cookie false false nil nil false nil", len(a.Cookies()), 0)
	wants(t, do("login").body, "true", do("start").body, "nil true false ada 1 true sub", do("login").body, "true", do("start").body, "nil true false ada 2 true sub")
	value := b.cookies()["sid"]
	if storage != "cookie" {
		wants(t, len(value), 110)
	}
	b.put("other", "kept")
	a = do("open")
	wants(t, a.echo.Headers["x-user"], "ada", a.echo.Headers["cookie"], "other=kept")
	wants(t, do("refresh").body, "true", b.cookies()["sid"] != value, true, do("touch").body, "true", do("start").body, "nil true false ada 2 true sub")
	wants(t, do("secret").body, "invalid session message authentication code false", do("rotated").body, "nil true")
	wants(t, strings.HasPrefix(do("props").body, "43 default sub "), true)

	wants(t, do("big").body, "true", do("read").body, "6000 nil")
	if storage == "cookie" {
		wants(t, len(b.cookies()["sid"]), 4000, len(b.cookies()["sid3"]), 0, len(b.cookies()["sid2"]) > 0, true)
		wants(t, do("small").body, "true", b.cookies()["sid2"], "")
		wants(t, strings.HasPrefix(do("huge").body, "nil session data is too large for cookies"), true)
	} else {
		wants(t, len(b.cookies()["sid"]), 110, do("huge").body, "true")
	}

	good := b.cookies()["sid"]
	for i, bad := range []string{good[:105] + "____" + good[109:], "B" + good[1:], good[:50] + "AAAA" + good[54:], "x", good[:109], strings.Repeat("A", 110)} {
		b.put("sid", bad)
		if text := do("start").body; !strings.Contains(text, " false false nil nil false nil") && bad != good {
			t.Errorf("%d: %s", i, text)
		}
	}
	b.put("sid", good)
	wants(t, do("destroy").body, "true", b.cookies()["sid"], "")
	if storage != "cookie" { // nobody can come back with an old cookie
		b.put("sid", good)
		wants(t, strings.HasSuffix(do("start").body, "false false nil nil false nil"), true)
	}
	wants(t, do("logout").body, map[bool]string{true: "nil missing session cookie false false", false: "nil session not found false false"}[storage == "cookie"])
}

func sessionTimeouts(t *testing.T, s *site) {
	b := s.browser()
	do := func(step string) string {
		t.Helper()
		return b.get(t, "/steps/", "X-Step: "+step).body
	}
	wants(t, do("short"), "missing session cookie false false", do("abs"), "missing session cookie false", do("idle"), "missing session cookie false", do("short"), "nil true false", do("gone"), "missing session cookie false")
	time.Sleep(3200 * time.Millisecond)
	wants(t, do("abs"), "session absolute timeout exceeded false", do("short"), "nil true true")
	wants(t, do("gone"), "session rolling timeout exceeded false", do("idle"), "session idling timeout exceeded false")
	for range 3 {
		time.Sleep(1100 * time.Millisecond)
		wants(t, do("idle"), "nil true")
	}
}

func sessionAudiences(t *testing.T, s *site) {
	b := s.browser()
	do := func(step string) string {
		t.Helper()
		return b.get(t, "/steps/", "X-Step: "+step).body
	}
	wants(t, do("info"), "nil", do("info"), "10.0.0.1", do("login"), "true", do("info"), "10.0.0.1", do("audience"), "nil true", do("both"), "ada 1", do("leave"), "true true true", do("both"), "ada nil", b.cookies()["sid"] != "", true)
}

func sessionOld(t *testing.T, s *site) {
	b := s.browser()
	do := func(step string, headers ...string) *answer {
		t.Helper()
		return b.get(t, "/steps/", append(headers, "X-Step: "+step)...)
	}
	a := do("v3")
	wants(t, a.body, "false 1 true nil true true 100", len(a.Cookies()), 1, a.Cookies()[0].MaxAge, 100)
	wants(t, do("v3").body, "true 2 true nil true true 100", do("v3 new").body, "true true 2 true", do("v3 id").body, "true 2 true", do("v3 end").body, "true true false")
	wants(t, b.cookies()["v3"], "", strings.HasPrefix(do("v3").body, "false 1"), true)
	wants(t, do("v3 ua", "User-Agent: one").body, "false missing session cookie", do("v3 ua", "User-Agent: one").body, "true nil",
		do("v3 ua", "User-Agent: two").body, "false invalid session message authentication code")
	wants(t, do("v3 check", "User-Agent: one").body, "nil missing session cookie", do("v3 check", "User-Agent: one").body, "true nil", do("v3 check", "User-Agent: two").body, "nil invalid session message authentication code")
	wants(t, do("v3 shm").body, "false 1", do("v3 shm").body, "true 2")
	body := do("v3 var").body
	wants(t, strings.HasPrefix(body, "named from a variable nil false "), true, b.cookies()["named"] != "", true)
}

// Without a secret, one is made that all workers know; a reload keeps it.
func TestSessionWorkers(t *testing.T) {
	s := steps(t, map[string]string{"count": `local s, err, exists = require("resty.session").start() s:set("n", (s:get("n") or 0) + 1) s:save() return s:get("n"), ngx.worker.id()`}, "KONG_NGINX_WORKER_PROCESSES=2")
	b := s.browser()
	b.Transport = &http.Transport{DisableKeepAlives: true}
	workers := map[string]bool{}
	for i := range 40 {
		a := b.get(t, "/steps/", "X-Step: count")
		n, id, _ := strings.Cut(a.body, " ")
		wants(t, n, i+1)
		workers[id] = true
	}
	wants(t, len(workers), 2)
}
