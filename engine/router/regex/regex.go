// Package regex compiles the patterns of the router's flavors
// traditional_compatible and expressions. The reference matches them with
// Rust's regex crate (https://docs.rs/regex, "Syntax"), whose syntax is nearly
// that of Go's package regexp, which does the matching here. This package is
// the difference: \d, \s and \w know all of Unicode, \uXXXX is a character, and
// what one of the two does not know or takes otherwise is refused.
//
// It matches nothing itself and knows no routes. Read Compile, then translate.go.
package regex

import (
	"regexp"
	"regexp/syntax"
)

// Regexp is a compiled pattern.
type Regexp struct {
	// ascii serves texts of ASCII alone, where Go's classes are Rust's: it is
	// faster. all serves others; it is nil where the pattern has no class that differs.
	ascii, all *regexp.Regexp
}

// Compile reads a pattern in Rust's syntax. The error says what is wrong with
// it, or what Go's regexp cannot do.
func Compile(pattern string) (*Regexp, error) {
	ascii, all, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	r := &Regexp{}
	if r.ascii, err = regexp.Compile(ascii); err != nil {
		return nil, err
	}
	if all != ascii {
		if r.all, err = regexp.Compile(all); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// of is what matches s.
func (r *Regexp) of(s string) *regexp.Regexp {
	if r.all != nil {
		for i := 0; i < len(s); i++ {
			if s[i] >= 0x80 {
				return r.all
			}
		}
	}
	return r.ascii
}

// MatchString, FindString and FindStringSubmatchIndex are those of package regexp.
func (r *Regexp) MatchString(s string) bool { return r.of(s).MatchString(s) }

// FindString is the text of the leftmost match, "" without one.
func (r *Regexp) FindString(s string) string { return r.of(s).FindString(s) }

// FindStringSubmatchIndex has the ends of the leftmost match and of its groups, nil without one.
func (r *Regexp) FindStringSubmatchIndex(s string) []int { return r.of(s).FindStringSubmatchIndex(s) }

// SubexpNames are the names of the groups, "" for one without; the first is the whole match's.
func (r *Regexp) SubexpNames() []string { return r.ascii.SubexpNames() }

// LiteralPrefix is what each match begins with.
func (r *Regexp) LiteralPrefix() string {
	// The same for both: neither has a class in front of a literal.
	p, _ := r.ascii.LiteralPrefix()
	return p
}

// Anchored says whether every match begins where the text does: the pattern
// begins with ^, and not as one of several alternatives ("^a|b" is not anchored).
func (r *Regexp) Anchored() bool {
	tree, err := syntax.Parse(r.ascii.String(), syntax.Perl)
	return err == nil && tree.Op == syntax.OpConcat && tree.Sub[0].Op == syntax.OpBeginText
}
