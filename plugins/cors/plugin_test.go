package cors

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

func handlerOf(t testing.TB, c conf) *handler {
	return pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)
}

const all = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"

// exchange sends a request through access and, unless that answers, a response
// through header_filter.
func exchange(t *testing.T, c conf, request, response string) *pdktest.Env {
	t.Helper()
	h := handlerOf(t, c)
	e := pdktest.New(t, request).As("cors")
	if err := e.RunAccess(h); err != nil {
		t.Fatal(err)
	}
	if !e.Exited {
		e.Respond(response)
	}
	if err := e.RunHeaderFilter(h); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestOrigins(t *testing.T) {
	several := conf{"origins": []any{"https://a.test", "http://b.test:80", "https://c.test:8443", "plain.test"}}
	regexes := conf{"origins": []any{`https?://[a-z]+\.one\.test`, `(.*)\.two\.test$`}}
	one := conf{"origins": []any{"https://only.test"}, "credentials": true}
	for _, c := range []struct {
		config      conf
		origin      string
		allowed     string
		vary        string
		credentials string
	}{
		{nil, "", "*", "", ""},
		{nil, "https://app.test", "*", "", ""},
		{conf{"credentials": true}, "https://x.test", "https://x.test", "Origin", "true"},
		{conf{"credentials": true}, "", "*", "", ""},
		{conf{"origins": []any{"*"}, "credentials": true}, "null", "null", "Origin", "true"},
		{one, "", "https://only.test", "Origin", "true"},
		{one, "https://evil.test", "https://only.test", "Origin", "true"},
		{several, "https://a.test", "https://a.test", "Origin", ""},
		{several, "https://a.test:443", "https://a.test", "Origin", ""},
		{several, "http://b.test", "http://b.test", "Origin", ""},
		{several, "https://b.test", "", "Origin", ""},
		{several, "https://c.test:8443", "https://c.test:8443", "Origin", ""},
		{several, "https://c.test", "", "Origin", ""},
		{several, "http://plain.test", "", "Origin", ""},
		{several, "plain.test", "plain.test", "Origin", ""},
		{several, "", "", "Origin", ""},
		{regexes, "http://www.one.test", "http://www.one.test", "Origin", ""},
		{regexes, "http://www.one.test.evil", "", "Origin", ""},
		{regexes, "xhttp://www.one.test", "", "Origin", ""},
		{regexes, "https://x.two.test:9000", "https://x.two.test:9000", "Origin", ""},
		{regexes, "https://two.test", "", "Origin", ""},
		{conf{"origins": []any{"https://a.test", "*"}}, "https://zzz.test", "*", "Origin", ""},
	} {
		request := "GET /"
		if c.origin != "" {
			request += "\nOrigin: " + c.origin + "\n"
		}
		e := exchange(t, c.config, request, "200\nAccess-Control-Allow-Origin: https://service.test\n\nok")
		if e.Got("Access-Control-Allow-Origin") != c.allowed || e.Got("Vary") != c.vary || e.Got("Access-Control-Allow-Credentials") != c.credentials {
			t.Errorf("%v, origin %q: %q, vary %q, credentials %q", c.config, c.origin, e.Got("Access-Control-Allow-Origin"), e.Got("Vary"),
				e.Got("Access-Control-Allow-Credentials"))
		}
	}
}

func TestPreflight(t *testing.T) {
	const preflight = "OPTIONS /\nOrigin: https://app.test\nAccess-Control-Request-Method: PUT\n"
	for _, c := range []struct {
		name    string
		config  conf
		request string
		exits   bool
		want    map[string]string
	}{
		{"plain", nil, preflight, true, map[string]string{"Allow-Origin": "*", "Allow-Methods": all, "Allow-Headers": "", "Max-Age": ""}},
		{"asked headers", nil, preflight + "Access-Control-Request-Headers: X-A, X-B\n", true, map[string]string{"Allow-Headers": "X-A, X-B"}},
		{"all options", conf{"methods": []any{"GET", "POST"}, "headers": []any{"X-In", "Accept"}, "max_age": 600, "exposed_headers": []any{"X-One"}},
			preflight + "Access-Control-Request-Headers: X-Z\n", true,
			map[string]string{"Allow-Methods": "GET,POST", "Allow-Headers": "X-In,Accept", "Max-Age": "600", "Expose-Headers": ""}},
		{"no method", nil, "OPTIONS /\nOrigin: https://app.test\n", false, map[string]string{"Allow-Origin": "*", "Allow-Methods": ""}},
		{"no origin", nil, "OPTIONS /\nAccess-Control-Request-Method: GET\n", false, map[string]string{"Allow-Origin": "*"}},
		{"continue", conf{"preflight_continue": true, "max_age": 5}, preflight, false, map[string]string{"Allow-Origin": "", "Max-Age": ""}},
		{"private network", conf{"private_network": true}, preflight + "Access-Control-Request-Private-Network: true\n", true,
			map[string]string{"Allow-Private-Network": "true"}},
		{"private network: yes", conf{"private_network": true}, preflight + "Access-Control-Request-Private-Network: yes\n", true,
			map[string]string{"Allow-Private-Network": ""}},
		{"private network not allowed", nil, preflight + "Access-Control-Request-Private-Network: true\n", true,
			map[string]string{"Allow-Private-Network": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := exchange(t, c.config, c.request, "200\n\nok")
			if e.Exited != c.exits {
				t.Errorf("exited %v", e.Exited)
			}
			for name, want := range c.want {
				if got := e.Got("Access-Control-" + name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if e.Exited && (e.Status() != 200 || e.Got("Content-Length") != "0") {
				t.Errorf("%d, %s bytes", e.Status(), e.Got("Content-Length"))
			}
		})
	}
}

func TestExposedHeadersAndVary(t *testing.T) {
	e := exchange(t, conf{"origins": []any{"https://only.test"}, "exposed_headers": []any{"X-One", "X-Two"}},
		"GET /\nOrigin: https://only.test\n", "500\nVary: Accept-Encoding\nAccess-Control-Expose-Headers: X-Up\n\n")
	if e.Got("Access-Control-Expose-Headers") != "X-One,X-Two" || e.Got("Vary") != "Accept-Encoding|Origin" {
		t.Errorf("%s, %s", e.Got("Access-Control-Expose-Headers"), e.Got("Vary"))
	}
}

func TestConfigErrors(t *testing.T) {
	const oneOf = "schema violation (config.methods: {\n  \"expected one of: GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS, TRACE, CONNECT\"\n})"
	for _, c := range []struct {
		config conf
		want   string
	}{
		{conf{"methods": []any{"FOO"}}, oneOf},
		{conf{"methods": []any{"get"}}, oneOf},
		{conf{"origins": []any{"["}}, "schema violation (config.origins: {\n  \"'[' is not a valid regex\"\n})"},
		{conf{"max_age": "x"}, "schema violation (config.max_age: expected a number)"},
		{conf{"origins": "*"}, "schema violation (config.origins: expected an array)"},
		{conf{"allow_origin_absent": false}, "schema violation (config.allow_origin_absent: unknown field)"},
	} {
		if _, err := pdktest.Config(config, c.config); err == nil || err.Error() != c.want {
			t.Errorf("%v: error %v, want %s", c.config, err, c.want)
		}
	}
}
