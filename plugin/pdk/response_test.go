package pdk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// exitWith is a handler that runs fn in access.
type exitWith func(*pdk.Kong) error

func (f exitWith) Access(k *pdk.Kong) error { return f(k) }

func TestExit(t *testing.T) {
	for _, c := range []struct {
		name        string
		do          exitWith
		status      int
		body        string
		contentType string
		length      string
	}{
		{"none", func(k *pdk.Kong) error { return k.Response.Exit(200, nil) }, 200, "", "", "0"},
		{"string", func(k *pdk.Kong) error { return k.Response.Exit(201, "plain words") }, 201, "plain words", "", "11"},
		{"table", func(k *pdk.Kong) error { return k.Response.Exit(202, map[string]string{"message": "hi"}) }, 202, `{"message":"hi"}`,
			"application/json; charset=utf-8", "16"},
		{"typed", func(k *pdk.Kong) error {
			return k.Response.Exit(200, map[string]any{"a": 1}, pdk.H("content_type", "application/problem+json"))
		}, 200, `{"a":1}`, "application/problem+json", "7"},
		{"bare", func(k *pdk.Kong) error { return k.Response.Exit(403, nil) }, 403, "403 Forbidden", "text/html", "118"},
		{"own length", func(k *pdk.Kong) error { return k.Response.Exit(200, "body", pdk.H("Content-Length", "4")) }, 200, "body", "", "4"},
		{"error", func(k *pdk.Kong) error { return k.Response.Error(409, "clash", pdk.H("X-Own", "1", "2")) }, 409, `"message":"clash"`,
			"application/json; charset=utf-8", "74"},
		{"error by type", func(k *pdk.Kong) error {
			return k.Response.Error(409, "clash", pdk.H("Content-Type", "text/html", "x/y"))
		}, 409,
			"<p>clash.</p>", "text/html", "214"},
		{"error default", func(k *pdk.Kong) error { return k.Response.Error(404, "") }, 404, `"message":"Not found"`,
			"application/json; charset=utf-8", "78"},
		{"error empty", func(k *pdk.Kong) error { return k.Response.ErrorText(400, "") }, 400, `"message":""`, "application/json; charset=utf-8", "69"},
	} {
		e := pdktest.New(t, "GET / HTTP/1.1\nHost: a\n")
		if err := e.RunAccess(c.do); err != nil || !e.Exited {
			t.Errorf("%s: %v", c.name, err)
		}
		if e.Status() != c.status || !strings.Contains(e.Body(), c.body) || e.Got("Content-Type") != c.contentType || e.Got("Content-Length") != c.length {
			t.Errorf("%s: %d %q %s %s", c.name, e.Status(), e.Body(), e.Got("Content-Type"), e.Got("Content-Length"))
		}
	}
}

func TestExitRefusals(t *testing.T) {
	for want, do := range map[string]exitWith{
		"code must be a number between 100 and 599": func(k *pdk.Kong) error { return k.Response.Exit(99, nil) },
		"body cannot be encoded as JSON":            func(k *pdk.Kong) error { return k.Response.Exit(200, func() {}) },
		"header value has a line break":             func(k *pdk.Kong) error { return k.Response.Exit(200, "", pdk.H("X", "a\nb")) },
		"table body encoding with gRPC is not supported": func(k *pdk.Kong) error {
			return k.Response.Exit(200, []any{}, pdk.H("Content-Type", "application/grpc"))
		},
		"code must be a number between 100 and 599 (err)": func(k *pdk.Kong) error { return fmt.Errorf("%w (err)", k.Response.Error(600, "")) },
	} {
		e := pdktest.New(t, "GET /")
		if err := e.RunAccess(do); err == nil || !strings.HasPrefix(err.Error(), want) || e.Exited {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestExitGRPC(t *testing.T) {
	call := "POST /S/M HTTP/2\nHost: a\nContent-Type: application/grpc\n"
	for _, c := range []struct {
		name, request string
		do            exitWith
		status        string
		message, body string
	}{
		{"table", call, func(k *pdk.Kong) error { return k.Response.Exit(404, map[string]any{"message": "told 404"}) }, "5", "told 404", ""},
		{"string", call, func(k *pdk.Kong) error { return k.Response.Exit(403, "just text") }, "7", "just text", ""},
		{"nothing", call, func(k *pdk.Kong) error { return k.Response.Exit(403, nil) }, "7", "PermissionDenied", ""},
		{"own", call, func(k *pdk.Kong) error {
			return k.Response.Exit(200, nil, pdk.H("grpc-status", "7"), pdk.H("grpc-message", "mine"))
		}, "7", "mine", ""},
		{"error", call, func(k *pdk.Kong) error { return k.Response.Error(401, "why") }, "16", "Unauthenticated", ""},
		{"by header", "GET /", func(k *pdk.Kong) error {
			return k.Response.Exit(403, "text", pdk.H("Content-Type", "application/grpc"))
		},
			"7", "PermissionDenied", "text"},
		{"own status by header", "GET /", func(k *pdk.Kong) error {
			return k.Response.Exit(500, nil, pdk.H("Content-Type", "application/grpc"), pdk.H("grpc-status", "9"))
		}, "9", "", ""},
		{"HTTP/1.1", "POST / HTTP/1.1\nContent-Type: application/grpc\n", func(k *pdk.Kong) error { return k.Response.Exit(403, map[string]string{"message": "no"}) },
			"", "", `{"message":"no"}`},
	} {
		e := pdktest.New(t, c.request)
		if err := e.RunAccess(c.do); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if e.Got("grpc-status") != c.status || e.Got("grpc-message") != c.message || e.Body() != c.body {
			t.Errorf("%s: %s %s %q", c.name, e.Got("grpc-status"), e.Got("grpc-message"), e.Body())
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: a\n")
	e.Phase = phase.Access
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check(e.Kong.Response.AddHeader("X-Early", "a"))
	e.Respond("200\nX-Multi: one\nX-Multi: two\nX_Under_Score: low\nContent-Type: text/html\nX-Upstream: yes\nX-Gone: 1\nX-Early: svc\n\nhello")
	e.Phase = phase.HeaderFilter
	r, s := &e.Kong.Response, &e.Service.Response
	check(r.SetHeader("X-Plugin", "p"))
	check(r.SetHeader("x_upstream", "changed"))
	check(r.ClearHeader("X-Gone"))
	check(r.SetHeader("Transfer-Encoding", "gzip"))
	check(r.SetHeader("Content-Type", "text/a", "text/b"))
	check(r.AddHeader("X-New", "1"))
	check(r.AddHeader("X-New", ""))
	for name, want := range map[string][2]string{ // response, service response
		"x_multi": {"one", "one"}, "X_Under_Score": {"", ""}, "content_type": {"text/b", "text/b"}, "X-Plugin": {"p", ""},
		"X-Upstream": {"changed", "changed"}, "X-Gone": {"", ""}, "Connection": {"keep-alive", ""}, "Transfer-Encoding": {"", ""}, "X-Early": {"a", "svc"},
	} {
		if got := [2]string{r.Header(name), s.Header(name)}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if e.Got("X-Early") != "a|svc" || e.Got("X-New") != "1|" {
		t.Errorf("%s %s", e.Got("X-Early"), e.Got("X-New"))
	}
	if h, truncated := r.Headers(1); len(h) != 3 || !truncated {
		t.Errorf("one header: %v, %v", h, truncated)
	}
	check(r.SetStatus(404))
	if r.Status() != 404 || s.Status() != 200 || r.Source() != "service" {
		t.Error("status or source")
	}
	if r.SetStatus(600) == nil || r.SetStatus(99) == nil {
		t.Error("status out of range")
	}
	e.Phase = phase.Log
	if err := r.SetStatus(200); err == nil || !strings.HasPrefix(err.Error(), "function cannot be called in log phase (only in: rewrite, access, balancer, response, header_filter, error, admin_api)") {
		t.Errorf("error %v", err)
	}
}

// upper is a body filter that needs the whole body.
type upper struct{}

func (upper) BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error) {
	body, whole, err := k.Response.RawBody(chunk, last)
	if !whole {
		return nil, err
	}
	return []byte(strings.ToUpper(string(body))), nil
}

func TestRawBody(t *testing.T) {
	for _, n := range []int{0, 1, 10, 3 << 20} {
		e := pdktest.New(t, "GET /").As("upper")
		body := strings.Repeat("x", n)
		e.Respond("200\n\n" + body)
		if got, err := e.RunBodyFilter(upper{}, 100000); err != nil || got != strings.ToUpper(body) {
			t.Errorf("%d bytes: %d came out, %v", n, len(got), err)
		}
	}
}
