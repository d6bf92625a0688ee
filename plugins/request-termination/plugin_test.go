package requesttermination

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

func handlerOf(t testing.TB, c map[string]any) *handler {
	return pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)
}

func TestAccess(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  map[string]any
		request string
		status  int // 0: the request goes on
		body    string
		kind    string
	}{
		{"default", nil, "GET /", 503, `{"message":"Service unavailable"}`, "application/json; charset=utf-8"},
		{"message", map[string]any{"status_code": 403, "message": `closed "for" now`}, "GET /", 403, `{"message":"closed \"for\" now"}`, "application/json; charset=utf-8"},
		{"body", map[string]any{"status_code": 200, "content_type": "text/html", "body": "<p>hi</p>"}, "GET /", 200, "<p>hi</p>", "text/html"},
		{"no message", map[string]any{"status_code": 418}, "GET /", 418, "", ""},
		{"body alone", map[string]any{"body": "plain"}, "GET /", 503, "plain", ""},
		{"204", map[string]any{"status_code": 204}, "GET /", 204, "", ""},
		{"401", map[string]any{"status_code": 401}, "GET /", 401, `{"message":"Unauthorized"}`, "application/json; charset=utf-8"},
		{"502", map[string]any{"status_code": 502}, "GET /", 502, `{"message":"Bad Gateway"}`, "application/json; charset=utf-8"},
		{"not triggered", map[string]any{"trigger": "x-stop"}, "GET /t?X-Stop=1", 0, "", ""},
		{"triggered by header", map[string]any{"trigger": "x-stop"}, "GET /t\nX-Stop:\n", 503, `{"message":"Service unavailable"}`, "application/json; charset=utf-8"},
		{"triggered by query", map[string]any{"trigger": "x-stop"}, "GET /t?x-stop", 503, `{"message":"Service unavailable"}`, "application/json; charset=utf-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := pdktest.New(t, c.request).As("request-termination")
			if err := e.RunAccess(handlerOf(t, c.config)); err != nil {
				t.Fatal(err)
			}
			if e.Exited != (c.status != 0) || e.Status() != c.status || e.Body() != c.body || e.Got("Content-Type") != c.kind {
				t.Errorf("exited %v with %d, %q, %q", e.Exited, e.Status(), e.Body(), e.Got("Content-Type"))
			}
		})
	}
}

func TestGRPC(t *testing.T) {
	e := pdktest.New(t, "POST /S/M HTTP/2\nContent-Type: application/grpc\n")
	if err := e.RunAccess(handlerOf(t, map[string]any{"message": "closed"})); err != nil {
		t.Fatal(err)
	}
	if e.Got("grpc-status") != "14" || e.Got("grpc-message") != "closed" || e.Body() != "" {
		t.Errorf("%s %s %q", e.Got("grpc-status"), e.Got("grpc-message"), e.Body())
	}
}

func TestEcho(t *testing.T) {
	h := handlerOf(t, map[string]any{"status_code": 200, "echo": true})
	e := pdktest.New(t, "POST /a%20b?x=1\nHost: h.test\nX-Two: 1\nX-Two: 2\n\nthe body")
	if err := e.RunAccess(h); err != nil {
		t.Fatal(err)
	}
	if !e.Blocked {
		t.Error("the body was not waited for")
	}
	for _, part := range []string{`"raw_body":"the body"`, `"path":"\/a b"`, `"x-two":["1","2"]`, `"query":{"x":"1"}`, `"host":"h.test"`} {
		if !strings.Contains(e.Body(), part) {
			t.Errorf("%s is not in %s", part, e.Body())
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]map[string]any{
		"schema violation (config.status_code: value should be between 100 and 599)":                                   {"status_code": 99},
		"schema violation (config: message cannot be used with content_type or body)":                                  {"message": "m", "body": "b"},
		"schema violation (config: content_type requires a body)":                                                      {"content_type": "x/y"},
		"schema violation (config: echo cannot be used with content_type and body)":                                    {"echo": true, "body": "b"},
		"schema violation (config.trigger: bad header name 'a b', allowed characters are A-Z, a-z, 0-9, '_', and '-')": {"trigger": "a b"},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}
