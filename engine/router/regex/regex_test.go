package regex

import (
	"regexp"
	"strings"
	"testing"
)

// What Rust's regex crate says by its documentation (Syntax, Unicode), beside
// what Go's regexp would say alone.
func TestUnicodeClasses(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          string // the match, "-" for none
	}{
		{`\w+`, "dδd", "dδd"}, {`\w+`, "é", "é"}, {`\w+`, "\u2961", "-"}, {`\W+`, "\u2961", "\u2961"}, {`\w+`, "_a9", "_a9"}, {`\w+`, "Ⓐx", "Ⓐx"},
		{`\d+`, "1२३9", "1२३9"}, {`\d+`, "Ⅱ", "-"}, {`\D+`, "Ⅱ", "Ⅱ"}, {`\w+`, "Ⅱ", "Ⅱ"}, {`\d{2}`, "٣٤", "٣٤"},
		{`\s+`, "\u2003", "\u2003"}, {`\s+`, "☃", "-"}, {`\S+`, "☃", "☃"}, {`\s`, "\v", "\v"}, {`a\sb`, "a\u00a0b", "a\u00a0b"},
		{`[\w-]+`, "é-ß", "é-ß"}, {`[^\w]`, "é", "-"}, {`[^\w]`, "é/", "/"}, {`[\W]`, "é", "-"}, {`[\W]`, "é☃", "☃"}, {`[\S]+`, "é\u2003", "é"}, {`[\d.]+`, "1.२", "1.२"},
		{`(?i)Δ`, "δ", "δ"}, {`(?i)straße`, "STRAßE", "STRAßE"}, {`(?i)[a-z]+`, "aA\u212AaA", "aA\u212AaA"}, {`(?i)/caf\x{e9}`, "/CAFÉ", "/CAFÉ"},
		{`.`, "é", "é"}, {`^.$`, "☃", "☃"}, {`[^/]+`, "é/", "é"}, {`[[:alpha:]]`, "é", "-"}, {`\pL+`, "aé1", "aé"}, {`\p{Greek}`, "δ", "δ"},
		{`\u00e9`, "é", "é"}, {`\u{2603}`, "☃", "☃"}, {`\U0001F600`, "😀", "😀"}, {`[\u{e9}]`, "é", "é"},
		{`[]a]+`, "]a", "]a"}, {`[^]a]`, "]b", "b"}, {`\[\w\]`, "[é]", "[é]"}, {`[\]\w]+`, "]é", "]é"}, {`\\d`, `\d`, `\d`},
		{`^/(?<id>\d+)$`, "/12", "/12"}, {`\w`, "\xff", "-"}, {`/a\.b`, "/a.b", "/a.b"}, {`a|b`, "xb", "b"},
	} {
		re, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		got := "-"
		if re.MatchString(c.text) {
			got = re.FindString(c.text)
		}
		if got != c.want {
			t.Errorf("%s on %q: %q, want %q", c.pattern, c.text, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, pattern := range []string{
		`a\`, `\1`, `(a)\1`, `\012`, `\Qa\E`, `\C`, `[a`, `[a&&b]`, `[a-z--c]`, `[a~~b]`, `[a[b]]`, `[[:alpha`, `(?=a)`, `(?!a)`, `(?<=a)b`, `a++`, `\u12`, `\u{12`, `\u{zz}`, `\h`, `(a`, `*`,
	} {
		if _, err := Compile(pattern); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
}

func TestGroups(t *testing.T) {
	re, err := Compile(`^/(?<who>\w+)/(\d)?`)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"/bob/", "/zoë/"} {
		at := re.FindStringSubmatchIndex(text)
		if len(at) != 6 || text[at[2]:at[3]] != strings.Trim(text, "/") || at[4] != -1 || re.SubexpNames()[1] != "who" {
			t.Errorf("%s: %v", text, at)
		}
	}
	if p := re.LiteralPrefix(); p != "" {
		t.Errorf("literal %q", p)
	}
}

func TestAnchored(t *testing.T) {
	for pattern, want := range map[string]bool{
		`^/a`: true, `^/a[|]b`: true, `^/(a|b)`: true, `^/a\|b`: true, `^(?i)/a`: true, `^/a|^/b`: false, `^/[^^]|b`: false,
		`^/a|/b`: false, `^/a|`: false, `^(/a)|b`: false, `^[]|]`: true, `/a`: false,
	} {
		re, err := Compile(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		} else if got := re.Anchored(); got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
}

// FuzzCompile: nothing panics, and on texts of ASCII the pattern means what Go's would.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{`\w+`, `[\W\d]`, `[[:alpha:]\s]`, `\u{e9}|[^]]`, `(?i)[a-z]`, `\\`, `[`} {
		f.Add(s, "aB1 _-]")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := Compile(pattern)
		if err != nil {
			return
		}
		re.MatchString(text)
		for i := range len(text) {
			if text[i] >= 0x80 {
				return
			}
		}
		if strings.ContainsAny(pattern, "uU") || strings.Contains(text, "\v") { // \u is none of Go's, its \s lacks the vertical tab
			return
		}
		if want := regexp.MustCompile(pattern).MatchString(text); re.MatchString(text) != want || re.all != nil && re.all.MatchString(text) != want {
			t.Errorf("%q on %q: Go's regexp says %v", pattern, text, want)
		}
	})
}
