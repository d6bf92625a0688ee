package pdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

func TestRequestHeader(t *testing.T) {
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: example.test\nX-One: 1\nX_Und: u\nX-Twice: a\nX-Twice: b\nCookie: c=1\nCookie: d=2\nX-Empty:\nX-ONE: spaced\nX_Two: under\nX-Two: dash\n")
	for name, want := range map[string]string{
		"X-One": "1", "x-one": "1", "X_One": "1", "X_Und": "u", "X-Und": "u", "x_twice": "a", "Host": "example.test",
		"Cookie": "c=1; d=2", "X-Empty": "", "Nope": "", "": "", "X_Two": "under", "x-two": "dash",
	} {
		if got := e.Request.Header(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
	if _, ok := e.Request.LookupHeader("X-Empty"); !ok {
		t.Error("an empty header is not found")
	}
	if n := e.Request.HeaderCount("x-twice"); n != 2 {
		t.Errorf("x-twice counted %d times", n)
	}
	if h, truncated := e.Request.Headers(2); len(h) != 2 || !truncated {
		t.Errorf("two headers: %v, %v", h, truncated)
	}
}

func TestRequestPath(t *testing.T) {
	for target, want := range map[string][4]string{ // path, raw path, with query, raw query
		"/a/b?c=1&d=2":            {"/a/b", "/a/b", "/a/b?c=1&d=2", "c=1&d=2"},
		"/?":                      {"/", "/", "/?", ""},
		"/a%2Fb/%41%7e/%E4%BD%A0": {"/a%2Fb/A~/你", "/a%2Fb/%41%7e/%E4%BD%A0", "/a%2Fb/%41%7e/%E4%BD%A0", ""},
		"/a/./b/../c//d/":         {"/a/c/d/", "/a/./b/../c//d/", "/a/./b/../c//d/", ""},
		"/a?x=/../y?z":            {"/a", "/a", "/a?x=/../y?z", "x=/../y?z"},
		"//a":                     {"/a", "//a", "//a", ""},
		"http://h.test/abs?x=1":   {"/abs", "/abs", "/abs?x=1", "x=1"},
		"http://h.test":           {"/", "/", "/", ""},
	} {
		e := pdktest.New(t, "GET "+target)
		got := [4]string{e.Request.Path(), e.Request.RawPath(), e.Request.PathWithQuery(), e.Request.RawQuery()}
		if got != want {
			t.Errorf("%s gives %q, want %q", target, got, want)
		}
	}
}

func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		headers string
		trusted bool
		want    string
	}{
		{"X-Forwarded-Proto: HTTPS\nX-Forwarded-Host: Front.Example:8443\nX-Forwarded-Port: 444\nX-Forwarded-Path: /front/p?x=1\nX-Forwarded-Prefix: /front\n", true,
			"https front.example 444 /front/p?x=1 /front"},
		{"X-Forwarded-Host: front.example:8443\n", true, "http front.example 8443 /svc/a b /svc"},
		{"X-Forwarded-Host: user@Front.example:70000\n", true, "http front.example 80 /svc/a b /svc"},
		{"X-Forwarded-Port: 65536\nX-Forwarded-Host: h:81\n", true, "http h 81 /svc/a b /svc"},
		{"X-Forwarded-Port: abc\n", true, "http example.test 80 /svc/a b /svc"},
		{"X-Forwarded-Proto: https\nX-Forwarded-Path: /x\nX-Forwarded-Prefix: /y\n", false, "http example.test 80 /svc/a b /svc"},
	} {
		e := pdktest.New(t, "GET /svc/a%20b HTTP/1.1\nHost: example.test\n"+c.headers)
		e.Gateway.PortMaps = map[int]int{8000: 80}
		e.X.RoutePrefix, _ = e.X.PutString("/svc")
		if c.trusted {
			e.X.Bits |= message.BitTrusted
		}
		r := &e.Request
		got := strings.Join([]string{r.ForwardedScheme(), r.ForwardedHost(), itoa(r.ForwardedPort()), r.ForwardedPath(), r.ForwardedPrefix()}, " ")
		if got != c.want {
			t.Errorf("%q, trusted %v: %s, want %s", c.headers, c.trusted, got, c.want)
		}
	}
}

func itoa(n int) string { return pdk.NumberText(float64(n)) }

func TestBody(t *testing.T) {
	for _, c := range []struct{ headers, body, kind, err string }{
		{"Content-Type: Application/JSON;charset=utf-8\n", `{"a":1}`, "application/json", ""},
		{"Content-Type: application/json\n", `5`, "application/json", "invalid json body"},
		{"", "x", "", "missing content type"},
		{"Content-Type: Application/XML; Charset=X\n", "<a/>", "application/xml", "unsupported content type 'Application/XML; Charset=X'"},
		{"Content-Type: ;\n", "x", "", "unsupported content type ';'"},
		{"Content-Type: application/x-www-form-urlencodedX\n", "x=1", "application/x-www-form-urlencoded", ""},
	} {
		e := pdktest.New(t, "POST /\n"+c.headers+"\n"+c.body)
		e.Host.Arrive()
		b, err := e.Request.Body(pdk.BodyOptions{})
		if b.Type != c.kind || (err != nil) != (c.err != "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: %q, %v; want %q, %q", c.headers, b.Type, err, c.kind, c.err)
		}
	}
	e := pdktest.New(t, "POST /\n\n"+strings.Repeat("x", 8000))
	e.Host.BodyLimit = 1000
	e.Host.Arrive()
	for limit, want := range map[int64]string{
		-1:  "request body did not fit into client body buffer, consider raising 'client_body_buffer_size'",
		10:  "request body file too big: 8000 > 10",
		0:   "",
		1e6: "",
	} {
		b, err := e.Request.RawBody(limit)
		if want == "" && (err != nil || len(b) != 8000) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("limit %d: %d bytes, %v", limit, len(b), err)
		}
	}
}

// A job that reads a body that is not there yet waits for the loop.
func TestBodyRendezvous(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Run() }()
	defer func() { l.Stop(); <-done }()
	for _, gone := range []error{nil, errors.New("client went away")} {
		e := pdktest.New(t, "POST /\n\nlate")
		if _, err := e.Request.RawBody(0); !errors.Is(err, pdk.ErrBlocks) {
			t.Errorf("an inline handler gets %v", err)
		}
		e.Host.Later = func(deliver func(error)) { l.Post(func() { deliver(gone) }) }
		e.Worker, e.InJob = &worker.Worker{Loop: l}, true
		b, err := e.Request.RawBody(0)
		if gone == nil && string(b) != "late" || gone != nil && !errors.Is(err, gone) {
			t.Errorf("%q, %v", b, err)
		}
	}
}

func TestServiceRequest(t *testing.T) {
	e := pdktest.New(t, "GET /orig?k=v HTTP/1.1\nHost: example.test\nX-Client: 1\nX-Client: 2\nX-Client2: c\n")
	e.Phase = phase.Access
	r := &e.Service.Request
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check(r.SetHeader("X-Client", "mine"))
	check(r.SetHeader("x_client2", "other"))
	check(r.SetHeader("X-Array", "one", "two"))
	check(r.SetHeader("X-None"))
	check(r.SetHeader("Host", "Two.Test:81"))
	check(r.AddHeader("X-Array", "three"))
	check(r.SetMethod("PATCH"))
	check(r.SetScheme("https"))
	check(r.SetPath("/sp ace/ü?x#[y]{z}\t100%"))
	check(r.SetRawBody([]byte("new body")))
	for name, want := range map[string]string{
		"X-Client": "mine", "X-Client2": "c", "x_client2": "other", "X-Array": "one|two|three", "X-None": "", "Host": "Two.Test:81", "Content-Length": "8",
	} {
		if got := e.Sent(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := e.X.View(e.X.UpstreamURI); got != "/sp%20ace/%C3%BC?x#[y]%7Bz%7D%09100%" {
		t.Errorf("path %s", got)
	}
	if e.Request.Method() != "PATCH" || e.Request.Host() != "two.test" || e.X.View(e.X.UpstreamHost) != "Two.Test:81" || e.SentBody() != "new body" {
		t.Errorf("%s %s %s %s", e.Request.Method(), e.Request.Host(), e.X.View(e.X.UpstreamHost), e.SentBody())
	}
	check(r.ClearHeader("Host"))
	if e.Request.Host() != "kong" || e.Request.Header("Host") != "" {
		t.Error("Host is still there")
	}
	for _, bad := range []error{
		r.SetMethod("get"), r.SetScheme("ws"), r.SetPath("relative"), r.SetHeader("a b", "x"), r.SetHeader("X", "a\r\nB: c"),
		r.SetHeader(":authority", "x"), r.SetBody(map[string]any{}, ""), r.SetBody(map[string]any{}, "text/x"),
	} {
		if bad == nil {
			t.Error("something wrong was accepted")
		}
	}
	e.Phase = phase.HeaderFilter
	if err := r.SetMethod("GET"); err == nil || err.Error() != "function cannot be called in header_filter phase (only in: rewrite, access)" {
		t.Errorf("error %v", err)
	}
}

func TestQueryEdits(t *testing.T) {
	for _, c := range []struct{ query, clear, want string }{
		{"?a=1&b=2&a=3&c", "a", "b=2&c="}, {"?a=1&b=x%20y+z&flag", "none", "a=1&b=x+y+z&flag="}, {"?a=1", "a", ""}, {"", "a", ""},
		{"?sp%20ace=1&b=%2f", "sp ace", "b=%2F"}, {"?flag&b", "flag", "b="}, {"?A=1&a=2", "a", "A=1"},
	} {
		e := pdktest.New(t, "GET /"+c.query)
		if err := e.Service.Request.ClearQueryArg(c.clear); err != nil {
			t.Fatal(err)
		}
		if got := e.SentQuery(); got != c.want || (c.query != "") != (e.X.Args.Off != 0) {
			t.Errorf("%s without %s gives %q, offset %d", c.query, c.clear, got, e.X.Args.Off)
		}
	}
	e := pdktest.New(t, "GET /?old")
	if err := e.Service.Request.SetRawQuery("x y&z=%zz"); err != nil || e.SentQuery() != "x%20y&z=%zz" {
		t.Errorf("%s, %v", e.SentQuery(), err)
	}
	if err := e.Service.Request.SetQuery(nil); err != nil || e.X.Args != (message.Str{}) {
		t.Errorf("%+v, %v", e.X.Args, err)
	}
}

func TestService(t *testing.T) {
	e := pdktest.New(t, "GET /")
	e.Phase = phase.Access
	s := &e.Service
	for want, err := range map[string]error{
		"port must be an integer between 0 and 65535: given 65536":                   s.SetTarget("h", 65536),
		"retries must be an integer between 0 and 32767: given -1":                   s.SetRetries(-1),
		"connect_timeout must be an integer between 1 and 2147483646: given 0":       s.SetTimeouts(0, 1, 1),
		"read_timeout must be an integer between 1 and 2147483646: given 2147483647": s.SetTimeouts(1, 1, 2147483647),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	e.Host.Upstreams["pool"] = true
	if ok, err := s.SetUpstream("nope"); ok || err != nil {
		t.Errorf("unknown upstream: %v, %v", ok, err)
	}
	if err := s.SetTarget("127.0.0.1", 81); err != nil || e.Balance.Host != "127.0.0.1" || e.X.View(e.X.UpstreamHost) != "127.0.0.1" {
		t.Errorf("%+v, %v", e.Balance, err)
	}
	if ok, err := s.SetUpstream("pool"); !ok || err != nil || e.Balance.Host != "" || e.X.UpstreamHost.Len != 0 {
		t.Errorf("%+v, %v", e.Balance, err)
	}
}
