package keyauth

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

const (
	aliceID = "00000000-0000-4000-8000-00000000000a"
	bobID   = "00000000-0000-4000-8000-00000000000b"
	guestID = "00000000-0000-4000-8000-0000000000ff"
	aliceC1 = "00000000-0000-4000-8000-0000000000c1"
)

func store(t testing.TB) dao.Store {
	ref := func(id string) any { return map[string]any{"id": id} }
	return pdktest.Store(t, []*schema.Schema{credentials},
		pdktest.Entity{Kind: "consumers", Record: dao.Record{"id": aliceID, "username": "alice", "custom_id": "cust-7"}},
		pdktest.Entity{Kind: "consumers", Record: dao.Record{"id": bobID, "username": "bob"}},
		pdktest.Entity{Kind: "consumers", Record: dao.Record{"id": guestID, "username": "guest"}},
		pdktest.Entity{Kind: "keyauth_credentials", Record: dao.Record{"id": aliceC1, "key": "alice-key", "consumer": ref(aliceID)}},
		pdktest.Entity{Kind: "keyauth_credentials", Record: dao.Record{"key": "bob-key", "consumer": ref(bobID)}},
		pdktest.Entity{Kind: "keyauth_credentials", Record: dao.Record{"key": "bob key/2", "consumer": ref(bobID)}},
	)
}

func handlerOf(t testing.TB, c map[string]any) *handler {
	return pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)
}

// run sends a request through access.
func run(t *testing.T, s dao.Store, c map[string]any, request string) *pdktest.Env {
	t.Helper()
	e := pdktest.New(t, request).As("key-auth")
	e.Gateway.Store = s
	if err := e.RunAccess(handlerOf(t, c)); err != nil {
		t.Fatal(err)
	}
	return e
}

type conf = map[string]any

func TestAccess(t *testing.T) {
	s := store(t)
	two := []any{"x_key", "X-Second"}
	for _, c := range []struct {
		name    string
		config  conf
		request string
		want    string // a username, or the message of a 401
	}{
		{"header", nil, "GET /\napikey: alice-key\n", "alice"},
		{"query", nil, "GET /?apikey=bob-key&x=1", "bob"},
		{"case of the header", nil, "GET /\nAPIKEY: bob-key\n", "bob"},
		{"none", nil, "GET /", noKey},
		{"empty", nil, "GET /\napikey:\n", noKey},
		{"wrong", nil, "GET /\napikey: wrong\n", notAuthorized},
		{"two headers", nil, "GET /\napikey: alice-key\napikey: bob-key\n", severalKeys},
		{"two arguments", nil, "GET /?apikey=alice-key&apikey=alice-key", severalKeys},
		{"bare argument", nil, "GET /?apikey", noKey},
		{"escaped", nil, "GET /?apikey=bob%20key%2F2", "bob"},
		{"header before query", nil, "GET /?apikey=wrong\napikey: alice-key\n", "alice"},
		{"wrong header before good query", nil, "GET /?apikey=alice-key\napikey: wrong\n", notAuthorized},
		{"OPTIONS", nil, "OPTIONS /", noKey},
		{"OPTIONS let through", conf{"run_on_preflight": false}, "OPTIONS /", ""},
		{"GET is no preflight", conf{"run_on_preflight": false}, "GET /", noKey},
		{"no header", conf{"key_in_header": false}, "GET /\napikey: alice-key\n", noKey},
		{"no header, query", conf{"key_in_header": false}, "GET /?apikey=alice-key", "alice"},
		{"no query", conf{"key_in_query": false}, "GET /?apikey=alice-key", noKey},
		{"second name", conf{"key_names": two}, "GET /\nX-Second: alice-key\n", "alice"},
		{"dash for underscore", conf{"key_names": two}, "GET /\nx-key: alice-key\n", "alice"},
		{"argument as named", conf{"key_names": two}, "GET /?x_key=bob-key", "bob"},
		{"arguments have a case", conf{"key_names": two}, "GET /?x-second=bob-key", noKey},
		{"form", conf{"key_in_body": true}, "POST /\nContent-Type: application/x-www-form-urlencoded\n\na=1&apikey=alice-key", "alice"},
		{"JSON", conf{"key_in_body": true}, "POST /\nContent-Type: application/json; charset=utf-8\n\n{\"n\": 1, \"apikey\": \"bob-key\"}", "bob"},
		{"JSON list", conf{"key_in_body": true}, "POST /\nContent-Type: application/json\n\n{\"apikey\":[\"bob-key\"]}", severalKeys},
		{"JSON number", conf{"key_in_body": true}, "POST /\nContent-Type: application/json\n\n{\"apikey\":7}", noKey},
		{"broken JSON", conf{"key_in_body": true}, "POST /\nContent-Type: application/json\n\n{broken", noKey},
		{"text", conf{"key_in_body": true}, "POST /\nContent-Type: text/plain\n\napikey=bob-key", noKey},
		{"two in a form", conf{"key_in_body": true}, "POST /\nContent-Type: application/x-www-form-urlencoded\n\napikey=alice-key&apikey=bob-key", severalKeys},
		{"multipart", conf{"key_in_body": true}, "POST /\nContent-Type: multipart/form-data; boundary=zz\n\n" +
			"--zz\nContent-Disposition: form-data; name=\"apikey\"\n\nalice-key\n--zz--\n", "alice"},
		{"no body", conf{"key_in_body": true}, "GET /", noKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := run(t, s, c.config, c.request)
			if strings.Contains(c.want, " ") || c.want == notAuthorized {
				if e.Status() != 401 || !strings.Contains(e.Body(), `"message":"`+c.want+`"`) || e.Got("WWW-Authenticate") != "Key" {
					t.Errorf("%d %s %s", e.Status(), e.Body(), e.Got("WWW-Authenticate"))
				}
				return
			}
			if e.Exited || e.Sent("X-Consumer-Username") != c.want {
				t.Errorf("exited %v, consumer %q", e.Exited, e.Sent("X-Consumer-Username"))
			}
		})
	}
}

func TestHeadersToTheService(t *testing.T) {
	s := store(t)
	e := run(t, s, nil, "GET /\napikey: alice-key\nX-Anonymous-Consumer: true\nX-Credential-Identifier: forged\n")
	for name, want := range map[string]string{
		"X-Consumer-ID": aliceID, "X-Consumer-Custom-ID": "cust-7", "X-Consumer-Username": "alice",
		"X-Credential-Identifier": aliceC1, "X-Anonymous-Consumer": "", "apikey": "alice-key",
	} {
		if got := e.Sent(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if e.Client.Consumer()["username"] != "alice" || e.Client.Credential()["key"] != "alice-key" {
		t.Error("the request has another consumer")
	}
	e = run(t, s, nil, "GET /\napikey: bob-key\nX-Consumer-Custom-ID: forged\n")
	if got := e.Sent("X-Consumer-Custom-ID"); got != "" {
		t.Errorf("a forged custom id goes through: %q", got)
	}
}

func TestAnonymous(t *testing.T) {
	s := store(t)
	for _, c := range []struct {
		anonymous, request string
		want               string // username; "" = 500
		marked             bool
	}{
		{"guest", "GET /", "guest", true},
		{"guest", "GET /\napikey: wrong\nX-Credential-Identifier: forged\n", "guest", true},
		{"guest", "GET /\napikey: alice-key\nX-Anonymous-Consumer: true\n", "alice", false},
		{guestID, "GET /?apikey=a&apikey=b", "guest", true},
		{"00000000-0000-4000-8000-00000000dead", "GET /", "", false},
		{"nobody", "GET /", "", false},
	} {
		e := run(t, s, conf{"anonymous": c.anonymous}, c.request)
		if c.want == "" {
			if e.Status() != 500 || !strings.Contains(e.Body(), "An unexpected error occurred") {
				t.Errorf("%s: %d %s", c.anonymous, e.Status(), e.Body())
			}
			continue
		}
		if e.Exited || e.Sent("X-Consumer-Username") != c.want || (e.Sent("X-Anonymous-Consumer") == "true") != c.marked ||
			c.marked && e.Sent("X-Credential-Identifier") != "" {
			t.Errorf("%s, %q: %q, anonymous %q", c.anonymous, c.request, e.Sent("X-Consumer-Username"), e.Sent("X-Anonymous-Consumer"))
		}
	}
}

// With an anonymous consumer, another plugin's authentication is good enough.
func TestAuthenticatedBefore(t *testing.T) {
	s := store(t)
	for anonymous, want := range map[string]int{"guest": 0, "": 401} {
		e := pdktest.New(t, "GET /")
		e.Gateway.Store = s
		if err := e.Client.Authenticate(nil, map[string]any{"id": "other"}); err != nil {
			t.Fatal(err)
		}
		c := conf{}
		if anonymous != "" {
			c["anonymous"] = anonymous
		}
		if err := e.RunAccess(handlerOf(t, c)); err != nil || e.Status() != want {
			t.Errorf("anonymous %q: %d, %v", anonymous, e.Status(), err)
		}
	}
}

func TestHideCredentials(t *testing.T) {
	s := store(t)
	form := "Content-Type: application/x-www-form-urlencoded\n\n"
	for _, c := range []struct{ request, query, body, header string }{
		{"GET /?apikey=alice-key&b=2&a=1", "b=2&a=1", "", ""},
		{"GET /?x-key=zz&b=2&c\nX-Key: alice-key\n", "b=2&c=", "", ""},
		{"GET /?apikey=left\nX-Key: alice-key\n", "apikey=left", "", ""},
		{"GET /?apikey=alice-key", "", "", ""},
		{"POST /\n" + form + "a=1&apikey=alice-key", "", "a=1", ""},
		{"POST /\n" + form + "apikey=alice-key", "", "", ""},
		{"POST /\nContent-Type: application/json\n\n{\"apikey\":\"bob-key\",\"n\":1}", "", `{"n":1}`, ""},
	} {
		e := run(t, s, conf{"hide_credentials": true, "key_in_body": true, "key_names": []any{"x-key", "apikey"}}, c.request)
		if e.Exited || e.SentQuery() != c.query || e.SentBody() != c.body || e.Sent("X-Key") != c.header {
			t.Errorf("%q: exited %v, query %q, body %q, header %q", c.request, e.Exited, e.SentQuery(), e.SentBody(), e.Sent("X-Key"))
		}
	}
}

func TestRealm(t *testing.T) {
	e := run(t, store(t), conf{"realm": "my realm"}, "GET /")
	if got := e.Got("WWW-Authenticate"); got != `Key realm="my realm"` {
		t.Errorf("WWW-Authenticate: %s", got)
	}
}

func TestBlocks(t *testing.T) {
	const form = "POST /\napikey: alice-key\nContent-Type: application/x-www-form-urlencoded\n\na=1"
	if run(t, store(t), nil, form).Blocked || !run(t, store(t), conf{"key_in_body": true}, form).Blocked {
		t.Error("key_in_body alone waits for the body")
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (config.key_names: {\n  \"bad header name 'bad name', allowed characters are A-Z, a-z, 0-9, '_', and '-'\"\n})": {"key_names": []any{"bad name"}},
		"schema violation (config.key_names: expected an array)":                                                                          {"key_names": "apikey"},
		"schema violation (config.hide_credentials: expected a boolean)":                                                                  {"hide_credentials": "yes"},
		"schema violation (config.nope: unknown field)":                                                                                   {"nope": 1},
		"schema violation (config.key_names: {\n  [2] = \"expected a string\"\n})":                                                        {"key_names": []any{"a", 2}},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
	if _, err := pdktest.Config(config, conf{"key_names": []any{}}); err != nil {
		t.Errorf("no key names: %v", err)
	}
}

func BenchmarkAccess(b *testing.B) {
	h := handlerOf(b, nil)
	e := pdktest.New(b, "GET /\nHost: a\nAccept: */*\napikey: alice-key\n")
	e.Gateway.Store = store(b)
	used := e.X.Used
	b.ReportAllocs()
	for b.Loop() {
		e.X.Used = used // the region of a fresh request
		if err := e.RunAccess(h); err != nil {
			b.Fatal(err)
		}
	}
}
