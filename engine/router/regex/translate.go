package regex

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
)

// translate writes a Rust pattern in Go's syntax: once for texts of ASCII
// alone, once for all texts.
func translate(pattern string) (ascii, all string, err error) {
	t := translator{in: pattern}
	for t.at < len(pattern) {
		switch pattern[t.at] {
		case '\\':
			err = t.escape(false)
		case '[':
			err = t.class()
		default:
			t.copy(1)
		}
		if err != nil {
			return "", "", fmt.Errorf("regex %q: %w", pattern, err)
		}
	}
	return t.ascii.String(), t.all.String(), nil
}

type translator struct {
	in         string
	at         int
	ascii, all strings.Builder
}

// copy takes n bytes over as they are.
func (t *translator) copy(n int) {
	t.both(t.in[t.at : t.at+n])
	t.at += n
}

func (t *translator) both(s string) {
	t.ascii.WriteString(s)
	t.all.WriteString(s)
}

// escape takes a backslash and what it is for; within says that it stands in a class.
func (t *translator) escape(within bool) error {
	if t.at+1 == len(t.in) {
		return fmt.Errorf("ends with a backslash")
	}
	c := t.in[t.at+1]
	switch c {
	case 'd', 's', 'w', 'D', 'S', 'W':
		t.ascii.WriteString(asciiClass(c, within))
		t.all.WriteString(perlClass(c, within))
		t.at += 2
	case 'u', 'U':
		return t.codePoint(c)
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return fmt.Errorf(`\%c is neither a character nor a group: there are no back-references`, c)
	case 'C', 'E', 'Q':
		return fmt.Errorf(`there is no \%c`, c)
	default:
		t.copy(2)
	}
	return nil
}

// codePoint takes \u{X…}, \uXXXX, \U{X…} and \UXXXXXXXX, which Go writes \x{X…}.
func (t *translator) codePoint(c byte) error {
	rest := t.in[t.at+2:]
	digits := 4
	if c == 'U' {
		digits = 8
	}
	var hex string
	if strings.HasPrefix(rest, "{") {
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return fmt.Errorf(`\%c{ has no end`, c)
		}
		hex, digits = rest[1:end], end+1
	} else {
		if len(rest) < digits {
			return fmt.Errorf(`\%c needs %d digits`, c, digits)
		}
		hex = rest[:digits]
	}
	t.both(`\x{` + hex + `}`)
	t.at += 2 + digits
	return nil
}

// class takes a class in brackets. Rust has classes within classes and
// operations on them, which Go takes for characters: they are refused.
func (t *translator) class() error {
	t.copy(1)
	if strings.HasPrefix(t.in[t.at:], "^") {
		t.copy(1)
	}
	for first := true; t.at < len(t.in); first = false {
		rest := t.in[t.at:]
		switch {
		case rest[0] == ']' && !first:
			t.copy(1)
			return nil
		case rest[0] == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case strings.HasPrefix(rest, "[:"):
			end := strings.Index(rest, ":]")
			if end < 0 {
				return fmt.Errorf("[: has no end")
			}
			t.copy(end + 2)
		case rest[0] == '[':
			return fmt.Errorf(`a class within a class is not supported; write \[ for the character`)
		case len(rest) > 1 && rest[0] == rest[1] && strings.IndexByte("&-~", rest[0]) >= 0:
			return fmt.Errorf(`%s within a class is not supported; write \%c for the character`, rest[:2], rest[0])
		default:
			t.copy(1)
		}
	}
	return fmt.Errorf("a class has no end")
}

// Members of \s and \w in Go's notation, as UTS #18 has them (Annex C). Go
// knows no property Alphabetic: it is letters, marks, letter numbers and the circled and squared letters.
const (
	spaces  = `\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	circled = `\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}`
	words   = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}` + circled
)

// asciiClass is \d, \s, \w or the opposite for texts of ASCII alone. Go's \s lacks the vertical tab.
func asciiClass(c byte, within bool) string {
	switch {
	case within && c == 's':
		return `\t-\r `
	case within && c == 'S':
		return `\x00-\x08\x0e-\x1f!-\x7f`
	case c == 's':
		return `[\t-\r ]`
	case c == 'S':
		return `[^\t-\r ]`
	}
	return `\` + string(c)
}

// perlClass is \d, \s, \w or the opposite with all of Unicode.
func perlClass(c byte, within bool) string {
	switch {
	case c == 'd':
		return `\p{Nd}`
	case c == 'D':
		return `\P{Nd}`
	case within && c == 's':
		return spaces
	case within && c == 'w':
		return words
	case within && c == 'S':
		return others(unicode.IsSpace)
	case within:
		return notWords()
	case c == 's':
		return "[" + spaces + "]"
	case c == 'w':
		return "[" + words + "]"
	case c == 'S':
		return "[^" + spaces + "]"
	}
	return "[^" + words + "]"
}

// notWords are the members of \W, for use within a class, where Go cannot negate.
var notWords = sync.OnceValue(func() string {
	return others(func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc) || r == 0x200c || r == 0x200d ||
			r >= 0x24b6 && r <= 0x24e9 || r >= 0x1f130 && r <= 0x1f149 || r >= 0x1f150 && r <= 0x1f169 || r >= 0x1f170 && r <= 0x1f189
	})
})

// others are the ranges of all characters that are not in a set.
func others(in func(rune) bool) string {
	var b strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if in(r) {
			continue
		}
		from := r
		for r < unicode.MaxRune && !in(r+1) {
			r++
		}
		fmt.Fprintf(&b, `\x{%x}-\x{%x}`, from, r)
	}
	return b.String()
}
