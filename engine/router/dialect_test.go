package router

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// Regex paths in the two flavors that have them: Rust's regex crate with a ^ in
// front (traditional_compatible), PCRE held to the beginning (traditional).
func TestRegexDialects(t *testing.T) {
	const refused = "refused"
	for _, c := range []struct{ pattern, path, compatible, traditional string }{
		{"/a|/b", "/a", "/a", "/a"}, {"/a|/b", "/b/c", "/b", "/b"}, {"/a|/b", "/x/b", "/b", ""}, {"/a|/b", "/x/a", "", ""}, {"(/a|/b)", "/a", refused, refused}, {"/(a|b)", "/b", "/b", "/b"},
		{"/a", "/x/a", "", ""}, {"/n/\\d+$", "/n/12", "/n/12", "/n/12"}, {"/n/\\d+$", "/n/१२", "/n/१२", ""}, {"/w/\\w+$", "/w/zoë", "/w/zoë", ""}, {"/w/\\w+$", "/w/zoe", "/w/zoe", "/w/zoe"},
		{"/w/[\\w.]+", "/w/ë.", "/w/ë.", ""}, {"/(?i)CAFÉ", "/café", "/café", "/café"}, {"/(?i)mixed", "/MiXeD", "/MiXeD", "/MiXeD"}, {"/x(?=y)", "/xy", refused, "/x"}, {"/(a)\\1", "/aa", refused, "/aa"},
		{"/(?=a)\\w+", "/aé", refused, "/a"}, {"/(?=1)\\d+", "/1१", refused, "/1"}, {"/(?P<n>a)(?=b)", "/ab", refused, "/a"}, {"/(?<n>a)", "/a", "/a", "/a"}, {"/(?P<n>a)", "/a", "/a", "/a"},
		{"/[a-z&&[^b]]", "/b", refused, ""}, {"/\\u{e9}", "/é", "/é", refused}, {"/\\Qa.b\\E", "/a.b", refused, "/a.b"}, {"/a++", "/aa", refused, refused},
	} {
		for _, f := range []struct {
			flavor Flavor
			want   string
		}{{Compatible, c.compatible}, {Traditional, c.traditional}} {
			rt, problems := Build(f.flavor, []*entity.Route{{ID: "r", Protocols: []string{"http"}, Paths: []string{"~" + c.pattern}}}, nil)
			var m Match
			got := ""
			switch {
			case len(problems) > 0:
				got = refused
			case rt.Match(&Request{Method: "GET", Scheme: "http", Path: c.path}, &m):
				got = m.Matched
			}
			if got != f.want {
				t.Errorf("%s: ~%s on %s: %q, want %q", f.flavor, c.pattern, c.path, got, f.want)
			}
		}
	}
}

// Values of headers are compared with the same dialects, in any case.
func TestHeaderRegexDialects(t *testing.T) {
	for _, c := range []struct {
		pattern                 string
		compatible, traditional bool
	}{{`\w+`, true, true}, {`[[:alpha:]]`, true, true}, {`\u{e9}`, true, false}, {`(?=a)`, false, false}, {`[a&&b]`, false, true}} {
		if err := CheckHeaderRegex(Compatible, c.pattern); (err == nil) != c.compatible {
			t.Errorf("compatible: %s: %v", c.pattern, err)
		}
		if err := CheckHeaderRegex(Traditional, c.pattern); (err == nil) != c.traditional {
			t.Errorf("traditional: %s: %v", c.pattern, err)
		}
	}
}
