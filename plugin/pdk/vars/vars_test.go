package vars_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// none stands for a variable without a value.
const none = "(none)"

// The values are those that the reference was recorded with in access.
func TestGet(t *testing.T) {
	e := pdktest.New(t, "GET /path/x?q=1&r=2 HTTP/1.1\nHost: example.test\nX-One: one\nCookie: sid=abc; t=u\nContent-Type: text/plain\n")
	e.Router.Route.RequestBuffering, e.Router.Route.ResponseBuffering = true, true
	for name, want := range map[string]string{
		"host": "example.test", "http_host": "example.test", "request_method": "GET", "scheme": "http", "uri": "/path/x",
		"request_uri": "/path/x?q=1&r=2", "args": "q=1&r=2", "is_args": "?", "query_string": "q=1&r=2", "remote_addr": "127.0.0.1",
		"server_addr": "127.0.0.1", "server_protocol": "HTTP/1.1", "https": "", "document_uri": "/path/x", "content_length": none,
		"content_type": "text/plain", "http_x_one": "one", "http_cookie": "sid=abc; t=u", "cookie_sid": "abc", "cookie_SID": "abc", "arg_q": "1",
		"realip_remote_addr": "127.0.0.1", "remote_user": none, "request_completion": "", "request_body": none, "upstream_host": "",
		"upstream_uri": "/path/x", "upstream_scheme": "http", "upstream_x_forwarded_for": "127.0.0.1", "upstream_x_forwarded_proto": "http",
		"upstream_x_forwarded_host": "example.test", "upstream_x_forwarded_path": "/path/x", "upstream_x_forwarded_prefix": none,
		"upstream_te": "", "upstream_upgrade": "", "upstream_connection": "keep-alive", "kong_proxy_mode": "http", "http2": "",
		"ssl_protocol": none, "ssl_server_name": none, "no_such_variable": none, "http_no_such": none, "limit_rate": "0",
		"sent_http_x": none, "connection_requests": "1", "pipe": ".", "status": "000", "request_id": pdktest.RequestID,
		"request": "GET /path/x?q=1&r=2 HTTP/1.1", "remote_port": "40000", "server_port": "8000", "upstream_addr": none,
		"upstream_status": none, "server_name": "kong", "bytes_sent": "0", "http_": none,
		"nginx_version": "1.25.3", "proxy_host": none, "proxy_add_x_forwarded_for": "127.0.0.1", "document_root": "/html",
		"request_filename": "/html/path/x", "connections_active": none,
	} {
		got := none
		if v, found := vars.Get(nil, e.Kong, name); found {
			got = string(v)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestGetLater(t *testing.T) {
	e := pdktest.New(t, "GET / HTTP/2\nHost: a\nAuthorization: Basic Ym9iOnNlY3JldA==\nCookie: a=1\nCookie: b=2\nX-Forwarded-For: 8.8.8.8\n")
	e.X.Flow.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: "v.test", NegotiatedProtocol: "h2"}
	e.Respond("404\nX-From: service\nContent-Type: text/x\n\nbody")
	e.Tries = []pdk.Try{{IP: "10.0.0.1", Port: 80, State: "failed", Code: 502}, {IP: "::1", Port: 81}}
	tm := &e.X.Times
	tm.ConnectStart, tm.Connected, tm.UpstreamHead, tm.UpstreamEnd, tm.End = 1e9, 1e9+5e6, 1e9+12e6, 1e9+1234e6, 3e9
	for name, want := range map[string]string{
		"remote_user": "bob", "http_cookie": "a=1; b=2", "upstream_x_forwarded_for": "8.8.8.8, 127.0.0.1", "https": "on", "http2": "h2",
		"ssl_protocol": "TLSv1.3", "ssl_cipher": "TLS_AES_128_GCM_SHA256", "ssl_server_name": "v.test", "ssl_client_verify": "NONE",
		"ssl_client_s_dn": none, "status": "404", "sent_http_x_from": "service", "upstream_http_x_from": "service", "upstream_http_x_no": none,
		"upstream_addr": "10.0.0.1:80, [::1]:81", "upstream_status": "502, 404", "upstream_connect_time": "0.005", "upstream_response_time": "1.234",
		"request_completion": "OK", "request_time": "2.999", "proxy_host": "kong_upstream", "proxy_port": "80",
		"proxy_add_x_forwarded_for": "8.8.8.8, 127.0.0.1",
	} {
		got := none
		if v, found := vars.Get(nil, e.Kong, name); found {
			got = string(v)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	e := pdktest.New(t, "GET /?x=1")
	for name, want := range map[string]string{
		"args": "", "upstream_uri": "", "upstream_x_forwarded_for": "", "limit_rate": "",
		"remote_addr":      "variable not changeable",
		"http_x":           "variable not changeable",
		"no_such_variable": "variable \"no_such_variable\" not found for writing",
	} {
		err := vars.Set(e.Kong, name, "/changed")
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: error %v", name, err)
		}
		if want == "" {
			if v, _ := vars.Get(nil, e.Kong, name); string(v) != "/changed" {
				t.Errorf("%s is %q", name, v)
			}
		}
	}
	if e.X.Bits&(message.BitArgsEdited|message.BitURIEdited) != message.BitArgsEdited|message.BitURIEdited {
		t.Error("the proxy is not told")
	}
}

func BenchmarkAccessLine(b *testing.B) {
	e := pdktest.New(b, "GET /path HTTP/1.1\nHost: example.test\nUser-Agent: bench\n")
	e.X.Times.End = 2
	names := []string{"remote_addr", "remote_user", "time_local", "request", "status", "body_bytes_sent", "http_referer", "http_user_agent", "request_id"}
	id := make([]int, len(names))
	for i, n := range names {
		id[i], _ = vars.Resolve(n)
	}
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = dst[:0]
		for i, n := range names {
			dst, _ = vars.Append(dst, e.Kong, id[i], n)
		}
	}
}
