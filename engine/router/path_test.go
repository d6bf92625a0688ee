package router

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

func TestNormalizePath(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"/", "/"},
		{"/a/b", "/a/b"},
		{"/%61", "/a"},
		{"/a/%7euser", "/a/~user"},
		{"/a/%2fb%2F", "/a/%2Fb%2F"},
		{"/a/b/../c", "/a/c"},
		{"/a/./b/.", "/a/b/"},
		{"/a//b///c", "/a/b/c"},
		{"//", "/"},
		{"/a//", "/a/"},
		{"/x/../a", "/a"},
		{"/a/%2e%2e/b", "/b"},
		{"/a/..", "/"},
		{"/a/b/..", "/a/"},
		{"/..", "/"},
		{"/../../a", "/a"},
		{"/a/...", "/a/..."},
		{"/.a/..b", "/.a/..b"},
		{"/%c3%a9", "/é"},
		{"/%20%3f%23%25", "/ %3F%23%25"},
		{"/%5Cd", `/\d`},
		{"/%2A%5b", "/%2A%5B"},
		{"/a%", "/a%"},
		{"/a%zz", "/a%zz"},
	}
	for _, tt := range tests {
		if got := string(NormalizePath([]byte("x"), tt.raw)); got != "x"+tt.want {
			t.Errorf("NormalizePath(%q) = %q, want %q", tt.raw, got[1:], tt.want)
		}
		if IsNormal(tt.raw) && tt.raw != tt.want {
			t.Errorf("IsNormal(%q), but it is not", tt.raw)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for raw, want := range map[string]bool{
		"/": true, "/a/..": true, "/a/../..": false, "/../a": false, "/%2e%2e/a": false, "/a/%": false, "/%4": false,
		"/%zz": false, "/%00": false, "": false, "a": false, "/.../a/..b": true, "/a/%2e%2e": true, "/a//../..": false,
	} {
		if got := CheckPath(raw); got != want {
			t.Errorf("CheckPath(%q) = %v", raw, got)
		}
	}
}

// TestUpstreamPath has what the recorded cases leave open.
func TestUpstreamPath(t *testing.T) {
	tests := []struct {
		service, path, matched string
		strip, v1              bool
		want                   string
	}{
		{"", "/", "", false, false, "/"},
		{"", "/a", "/a", true, false, "/"},
		{"/s", "/a b/é", "", false, false, "/s/a%20b/%C3%A9"},
		{"/s", "/%2F{x}", "", false, false, "/s/%2F%7Bx%7D"},
		{"/s%20t", "/a", "/a", true, false, "/s%20t"},
		{"/s", "/ab", "/very/long/match", true, false, "/s"},
		{"/s", "/", "/", true, false, "/s"},
		{"/s", "/", "", false, true, "/s"},
		{"", "/", "/", true, true, "/"},
		{"/s/", "//x", "", false, true, "/s//x"},
	}
	for _, tt := range tests {
		m := Match{Matched: tt.matched, Entry: &Entry{
			Route: &entity.Route{StripPath: tt.strip}, Service: &entity.Service{Path: tt.service}, v1: tt.v1,
		}}
		if got := string(UpstreamPath(nil, &m, tt.path)); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func FuzzNormalizePath(f *testing.F) {
	for _, s := range []string{"/a/../b", "//%2e./", "/%", "/%2F/./..", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once := string(NormalizePath(nil, raw))
		if len(once) > len(raw) {
			t.Fatalf("%q grew to %q", raw, once)
		}
		if strings.Contains(once, "//") {
			t.Fatalf("%q: double slash in %q", raw, once)
		}
		for _, seg := range strings.Split(once, "/")[1:] {
			if seg == "." || seg == ".." {
				t.Fatalf("%q: dot segment in %q", raw, once)
			}
		}
		if IsNormal(raw) && once != raw {
			t.Fatalf("%q is not normal", raw)
		}
		CheckPath(raw)
		for i, c := range EscapePath(nil, once) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q: byte %d of the escaped path is %#x", raw, i, c)
			}
		}
	})
}
