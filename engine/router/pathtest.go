package router

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/gibbon-gateway/gibbon/engine/router/regex"
)

// pathTest is one element of a route's paths.
type pathTest struct {
	// text is the prefix, or the pattern; "" for a rule that takes any path.
	text string
	// literal is what every matching path begins with.
	literal string
	// regex is nil for a prefix.
	regex pathRegex
}

// pathRegex is a pattern anchored at the beginning of the path.
type pathRegex interface {
	matches(path string) bool
	// find is the matched text; the path matches.
	find(path string) string
	// groups appends the groups of a path that matches.
	groups(dst []Capture, path string) []Capture
}

// compilePath reads "/prefix" or "~/regex".
func compilePath(flavor Flavor, path string) (pathTest, error) {
	pattern, ok := strings.CutPrefix(path, "~")
	if !ok {
		if !strings.HasPrefix(path, "/") {
			return pathTest{}, fmt.Errorf("paths: %q must begin with / (a prefix) or ~/ (a regex)", path)
		}
		return pathTest{text: path, literal: path}, nil
	}
	if !strings.HasPrefix(pattern, "/") {
		return pathTest{}, fmt.Errorf("paths: the regex %q must begin with ~/", path)
	}
	t := pathTest{text: pattern}
	if flavor != Traditional {
		if name := repeatedName(pattern); name != "" {
			return t, fmt.Errorf("paths: the regex %q has two groups called %s", path, name)
		}
	}
	var err error
	if flavor == Traditional {
		t.regex, t.literal, err = compileAnchored(pattern)
	} else {
		t.regex, t.literal, err = compileCompatible(pattern)
	}
	if err != nil {
		return t, fmt.Errorf("paths: the regex %q does not compile: %w", path, err)
	}
	return t, nil
}

// compileAnchored compiles a regex of the traditional flavor, PCRE's: its match
// begins where the path does.
func compileAnchored(pattern string) (re pathRegex, literal string, err error) {
	held, err := regexp.Compile(`\A(?:` + pattern + `)`)
	if err != nil {
		re, err = compileBacktracking(pattern)
		return re, "", err
	}
	// Anchored, a regex has no literal prefix; the same pattern alone compiles.
	if free, err := regexp.Compile(pattern); err == nil {
		literal, _ = free.LiteralPrefix()
	}
	return linearRegex{held}, literal, nil
}

// compileCompatible compiles a regex of the flavor traditional_compatible,
// Rust's. The reference puts a ^ in front and no brackets around, so that of
// "a|b" only a is held to the beginning of the path.
func compileCompatible(pattern string) (re pathRegex, literal string, err error) {
	held, err := regex.Compile("^" + pattern)
	if err != nil {
		return nil, "", err
	}
	if free, err := regex.Compile(pattern); err == nil && held.Anchored() {
		literal = free.LiteralPrefix()
	}
	return linearRegex{held}, literal, nil
}

// repeatedName is a name that two groups of a regex have, "" for none. Go's
// regexp takes them; what such a capture is would be anybody's guess.
func repeatedName(pattern string) string {
	re, err := regex.Compile(pattern)
	if err != nil {
		return ""
	}
	seen := make(map[string]bool)
	for _, n := range re.SubexpNames() {
		if n != "" && seen[n] {
			return n
		}
		seen[n] = true
	}
	return ""
}

func (t *pathTest) matches(path string) bool {
	if t.regex != nil {
		return t.regex.matches(path)
	}
	return strings.HasPrefix(path, t.text)
}

// linear is what a pattern compiles to: *regexp.Regexp or *regex.Regexp. There
// is no backtracking, time is linear in the path.
type linear interface {
	MatchString(string) bool
	FindString(string) string
	FindStringSubmatchIndex(string) []int
	SubexpNames() []string
}

// linearRegex is a linear one as a pathRegex.
type linearRegex struct{ re linear }

func (r linearRegex) matches(path string) bool { return r.re.MatchString(path) }

func (r linearRegex) find(path string) string { return r.re.FindString(path) }

func (r linearRegex) groups(dst []Capture, path string) []Capture {
	return appendGroups(dst, r.re, path)
}

// appendGroups leaves out groups that took no part in the match.
func appendGroups(dst []Capture, re linear, s string) []Capture {
	at := re.FindStringSubmatchIndex(s)
	names := re.SubexpNames()
	for i := 0; i < len(at)/2; i++ {
		if at[2*i] >= 0 {
			dst = append(dst, Capture{Index: i, Name: names[i], Value: s[at[2*i]:at[2*i+1]]})
		}
	}
	return dst
}

// backtrackingTime is how long one match of a backtracking pattern may take; it
// then counts as not matching.
const backtrackingTime = 5 * time.Millisecond

// backtrackingRegex serves the traditional flavor, whose patterns are PCRE, for
// what Go's regexp has not (look-around, back-references). It allocates.
type backtrackingRegex struct{ re *regexp2.Regexp }

func compileBacktracking(pattern string) (pathRegex, error) {
	// RE2: \d, \s and \w are of ASCII alone and (?P<name>) is a group, as in PCRE.
	re, err := regexp2.Compile(`\A(?:`+pattern+`)`, regexp2.RE2)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = backtrackingTime
	return backtrackingRegex{re}, nil
}

func (r backtrackingRegex) matches(path string) bool {
	ok, err := r.re.MatchString(path)
	return ok && err == nil
}

func (r backtrackingRegex) find(path string) string {
	if m, err := r.re.FindStringMatch(path); m != nil && err == nil {
		return m.String()
	}
	return ""
}

func (r backtrackingRegex) groups(dst []Capture, path string) []Capture {
	m, err := r.re.FindStringMatch(path)
	if m == nil || err != nil {
		return dst
	}
	for i, g := range m.Groups() {
		if len(g.Captures) == 0 {
			continue
		}
		name := g.Name
		if name == fmt.Sprint(i) {
			name = ""
		}
		dst = append(dst, Capture{Index: i, Name: name, Value: g.String()})
	}
	return dst
}
