package proxy

import (
	"net/netip"
	"testing"
	"unsafe"
)

// A request that waits in a plugin holds its record: its size is memory times
// ten thousand. What is needed from balance on belongs into target.
func TestAWaitingRequestIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(request{}); size > 1280 {
		t.Errorf("a request has %d bytes, more than Go's allocation class of 1280", size)
	}
}

func TestValidHost(t *testing.T) {
	for host, want := range map[string]bool{
		"a.test": true, "a.test:80": true, "a:port": true, "[::1]:80": true, "[::1": true, "a%20b": true, "A.Test": true, "a\\b": true, "a.": true, ".a": true,
		"": false, "a b": false, "a/b": false, "a..b": false, "a\x00b": false, "a\tb": false, ":80": false, ".": false, ".:80": false,
	} {
		if got := validHost([]byte(host)); got != want {
			t.Errorf("validHost(%q) = %v", host, got)
		}
	}
}

func TestAbsolute(t *testing.T) {
	for target, want := range map[string]int{
		"http://a.test/x": 7, "https://a": 8, "/x": 0, "a.test:443": 0, "://x": 0, "h1://x": 0, "*": 0,
	} {
		if got := absolute([]byte(target)); got != want {
			t.Errorf("absolute(%q) = %d, want %d", target, got, want)
		}
	}
}

func TestCookieValue(t *testing.T) {
	for _, c := range []struct{ all, name, want string }{
		{"a=1; b=2", "a", "1"}, {"a=1; b=2", "b", "2"}, {"a=1;b=2", "b", "2"}, {"ab=1; b=2", "b", "2"}, {"a=x=y", "a", "x=y"},
		{"a=", "a", ""}, {"a", "a", "-"}, {"", "a", "-"}, {"A=1", "a", "-"},
	} {
		got, ok := cookieValue(c.all, c.name)
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("cookieValue(%q, %q) = %q, want %q", c.all, c.name, got, c.want)
		}
	}
}

func TestParseClient(t *testing.T) {
	for _, c := range []struct {
		text string
		addr string
		port uint16
		ok   bool
	}{
		{"10.0.0.1", "10.0.0.1", 0, true}, {"10.0.0.1:81", "10.0.0.1", 81, true}, {"::1", "::1", 0, true}, {"[::1]:81", "::1", 81, true},
		{"::ffff:10.0.0.1", "10.0.0.1", 0, true}, {"unknown", "", 0, false}, {"", "", 0, false}, {"10.0.0.1:x", "", 0, false},
	} {
		a, p, ok := parseClient(c.text)
		if ok != c.ok || ok && (a != netip.MustParseAddr(c.addr) || p != c.port) {
			t.Errorf("parseClient(%q) = %v %d %v", c.text, a, p, ok)
		}
	}
}

func TestInternalHeaders(t *testing.T) {
	for name, want := range map[string]bool{"X-Accel-Expires": true, "x-accel-REDIRECT": true, "X-Accel-Other": false, "X-Accel-": false, "X-Acc": false} {
		if got := accel([]byte(name)); got != want {
			t.Errorf("accel(%q) = %v", name, got)
		}
	}
}

func TestTextual(t *testing.T) {
	for v, want := range map[string]bool{
		"text/html": true, "TEXT/HTML": true, "text/xml": true, "text/plain": true, "application/javascript": true, "application/rss+xml": true,
		"text/css": false, "application/json": false, "text/html; charset=x": false, "": false,
	} {
		if got := textual(v); got != want {
			t.Errorf("textual(%q) = %v", v, got)
		}
	}
}

func TestPathOf(t *testing.T) {
	for target, want := range map[string]string{"/a?b": "/a", "/a": "/a", "/?": "/", "/a?b?c": "/a"} {
		if got := string(pathOf([]byte(target))); got != want {
			t.Errorf("pathOf(%q) = %q", target, got)
		}
	}
}
