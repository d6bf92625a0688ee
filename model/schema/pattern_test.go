package schema

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		p, s string
		want bool
	}{
		{"^x%d+$", "x12", true}, {"^x%d+$", "y1", false}, {"", "", true}, {"a", "bab", true}, {"^a", "ba", false},
		{"a$", "ba", true}, {"a$b", "a$b", true}, {"%s", "a b", true}, {"^%u+$", "GET", true}, {"^%u+$", "get", false},
		{"^%*%.", "*.a", true}, {"%.%*$", "a.*", true}, {"^[^*]*%*?[^*]*$", "a*b", true}, {"^[^*]*%*?[^*]*$", "a**b", false},
		{"^[a-z][a-z%d-]-[a-z%d]+$", "my-env", true}, {"^[a-z][a-z%d-]-[a-z%d]+$", "Bad", false},
		{"^(a)(b)%2%1$", "abba", true}, {"%b()", "x(a(b)c)", true}, {"%b()", "x(a", false}, {"%f[%w]foo%f[%W]", "a foo b", true},
		{"%f[%w]foo%f[%W]", "afoo b", false}, {"^[]]$", "]", true}, {"^[^]]$", "]", false}, {"^[a%-z]$", "-", true}, {"^[a%-z]$", "b", false},
		{"^.-$", "", true}, {"()a()", "a", true}, {"^[%a_-][%a%d_-]*$", "A-1", true}, {"%x%X", "fg", true}, {"%z", "\x00", true}, {"^%W", "é", true},
		{"^a?b?c?$", "ac", true}, {"[[:]", "[", true}, {"^%d+[%.%d]*$", "1.2.3", true},
	} {
		got, err := Match(c.p, c.s)
		if err != nil || got != c.want {
			t.Errorf("Match(%q, %q) = %v, %v", c.p, c.s, got, err)
		}
	}
}

func TestMalformedPatterns(t *testing.T) {
	for p, want := range map[string]error{
		"%": errPatternEscape, "[a": errPatternSet, "[": errPatternSet, "[%": errPatternSet, "%f": errPatternFront, "%b(": errPatternBal,
		"(a": errPatternUnfin, "a)": errPatternCap, "%1": errPatternIndex, strings.Repeat("()", 33): errPatternMany, "[]": errPatternSet, "[^]": errPatternSet,
	} {
		if err := CheckPattern(p); err != want {
			t.Errorf("CheckPattern(%q) = %v, want %v", p, err, want)
		}
		if ok, err := Match(p, "aaaa(1"); ok && err == nil {
			t.Errorf("Match(%q) matched", p)
		}
	}
	for _, p := range []string{"^a*$", "[]a]", "[^]a]", "%b()", "%f[a]x", "(a)%1", "()", "a-", "%%"} {
		if err := CheckPattern(p); err != nil {
			t.Errorf("CheckPattern(%q) = %v", p, err)
		}
	}
}

// TestRunawayPatterns: a pattern that would take for ever gives up.
func TestRunawayPatterns(t *testing.T) {
	start := time.Now()
	s := strings.Repeat("a", 3000)
	for _, p := range []string{".-.-.-.-.-.-.-b", ".*.*.*.*.*.*b", strings.Repeat("a?", 3000) + "b", "(.-)*(.-)-" + strings.Repeat("(a*)", 20) + "b"} {
		Match(p, s)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzMatch(f *testing.F) {
	for _, p := range []string{"^x%d+$", "[^]a-z%]]+", "%b()%f[a]", "(a*(.)%2)", ".-.-$"} {
		f.Add(p, "xa12()aabb")
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 200 || len(s) > 1000 {
			return
		}
		from, to, err := Find(p, s)
		if err == nil && from >= 0 && (from > to || to > len(s)) {
			t.Fatalf("%q in %q: %d..%d", p, s, from, to)
		}
		if CheckPattern(p) == nil && err != nil && err != errPatternSteps && err != errPatternIndex && err != errPatternUnfin && err != errPatternCap {
			t.Fatalf("%q checked but failed: %v", p, err)
		}
	})
}
