package schema

import "errors"

// Lua patterns, as in the Lua 5.1 manual §5.4.1 and OpenResty's LuaJIT (with
// the frontier %f). A step budget bounds the time that a pattern may take.

// errors of malformed or runaway patterns.
var (
	errPatternEscape = errors.New("malformed pattern (ends with '%')")
	errPatternSet    = errors.New("malformed pattern (missing ']')")
	errPatternFront  = errors.New("missing '[' after '%f' in pattern")
	errPatternBal    = errors.New("unbalanced pattern")
	errPatternCap    = errors.New("invalid pattern capture")
	errPatternMany   = errors.New("too many captures")
	errPatternUnfin  = errors.New("unfinished capture")
	errPatternIndex  = errors.New("invalid capture index")
	errPatternSteps  = errors.New("pattern too complex")
)

const (
	maxCaptures  = 32
	patternSteps = 1 << 20
	patternDepth = 200
	capPosition  = -2
	capOpen      = -1
)

type capture struct{ start, len int }

type matcher struct {
	s, p  string
	steps int
	depth int
	level int
	caps  [maxCaptures]capture
	err   error
}

// Match tells if the Lua pattern matches anywhere in s. The error is that of
// a malformed pattern, or that it took too many steps.
func Match(pattern, s string) (bool, error) {
	start, _, err := Find(pattern, s)
	return start >= 0, err
}

// Find returns where the Lua pattern first matches in s (from, to), or -1.
func Find(pattern, s string) (from, to int, err error) {
	m := matcher{s: s, p: pattern}
	p := 0
	anchor := len(pattern) > 0 && pattern[0] == '^'
	if anchor {
		p = 1
	}
	for i := 0; ; i++ {
		m.level = 0
		end := m.match(i, p)
		if m.err != nil {
			return -1, -1, m.err
		}
		if end >= 0 {
			for c := range m.level {
				if m.caps[c].len == capOpen {
					return -1, -1, errPatternUnfin
				}
			}
			return i, end, nil
		}
		if anchor || i >= len(s) {
			return -1, -1, nil
		}
	}
}

func (m *matcher) fail(err error) int {
	if m.err == nil {
		m.err = err
	}
	return -1
}

// match tries pattern from p at s; it returns the end of the match or -1.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > patternDepth {
		return m.fail(errPatternSteps)
	}
	defer func() { m.depth-- }()
	for {
		if m.err != nil {
			return -1
		}
		if m.steps++; m.steps > patternSteps {
			return m.fail(errPatternSteps)
		}
		if p >= len(m.p) {
			return s
		}
		switch c := m.p[p]; {
		case c == '(':
			if p+1 < len(m.p) && m.p[p+1] == ')' {
				return m.startCapture(s, p+2, capPosition)
			}
			return m.startCapture(s, p+1, capOpen)
		case c == ')':
			return m.endCapture(s, p+1)
		case c == '$' && p+1 == len(m.p):
			if s == len(m.s) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.p) && m.p[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.p) && m.p[p+1] == 'f':
			ep := m.frontier(s, p+2)
			if ep < 0 {
				return -1
			}
			p = ep
			continue
		case c == '%' && p+1 < len(m.p) && isDigit(m.p[p+1]):
			if s = m.backref(s, m.p[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		ep := m.classEnd(p)
		if ep < 0 {
			return -1
		}
		switch m.repetition(ep) {
		case '?':
			if m.single(s, p, ep) {
				if r := m.match(s+1, ep+1); r >= 0 || m.err != nil {
					return r
				}
			}
			p = ep + 1
		case '*':
			return m.maxExpand(s, p, ep)
		case '+':
			if !m.single(s, p, ep) {
				return -1
			}
			return m.maxExpand(s+1, p, ep)
		case '-':
			return m.minExpand(s, p, ep)
		default:
			if !m.single(s, p, ep) {
				return -1
			}
			s++
			p = ep
		}
	}
}

// repetition is the suffix of the class that ends before ep, 0 for none.
func (m *matcher) repetition(ep int) byte {
	if ep < len(m.p) {
		return m.p[ep]
	}
	return 0
}

func (m *matcher) maxExpand(s, p, ep int) int {
	n := 0
	for m.single(s+n, p, ep) {
		n++
	}
	m.steps += n
	for ; n >= 0; n-- {
		if r := m.match(s+n, ep+1); r >= 0 || m.err != nil {
			return r
		}
	}
	return -1
}

func (m *matcher) minExpand(s, p, ep int) int {
	for {
		if r := m.match(s, ep+1); r >= 0 || m.err != nil {
			return r
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
	}
}

func (m *matcher) startCapture(s, p, kind int) int {
	if m.level >= maxCaptures {
		return m.fail(errPatternMany)
	}
	m.caps[m.level] = capture{s, kind}
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) endCapture(s, p int) int {
	for l := m.level - 1; l >= 0; l-- {
		if m.caps[l].len != capOpen {
			continue
		}
		m.caps[l].len = s - m.caps[l].start
		r := m.match(s, p)
		if r < 0 {
			m.caps[l].len = capOpen
		}
		return r
	}
	return m.fail(errPatternCap)
}

func (m *matcher) backref(s int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.caps[l].len == capOpen {
		return m.fail(errPatternIndex)
	}
	c := m.caps[l]
	if c.len == capPosition {
		return s
	}
	if len(m.s)-s >= c.len && m.s[c.start:c.start+c.len] == m.s[s:s+c.len] {
		return s + c.len
	}
	return -1
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.p) {
		return m.fail(errPatternBal)
	}
	if s >= len(m.s) || m.s[s] != m.p[p] {
		return -1
	}
	open, shut, deep := m.p[p], m.p[p+1], 1
	for i := s + 1; i < len(m.s); i++ {
		m.steps++
		switch m.s[i] {
		case shut:
			if deep--; deep == 0 {
				return i + 1
			}
		case open:
			deep++
		}
	}
	return -1
}

// frontier returns the place in the pattern behind %f[set], or -1.
func (m *matcher) frontier(s, p int) int {
	if p >= len(m.p) || m.p[p] != '[' {
		return m.fail(errPatternFront)
	}
	ep := m.classEnd(p)
	if ep < 0 {
		return -1
	}
	prev, next := byte(0), byte(0)
	if s > 0 {
		prev = m.s[s-1]
	}
	if s < len(m.s) {
		next = m.s[s]
	}
	if !m.inSet(prev, p, ep-1) && m.inSet(next, p, ep-1) {
		return ep
	}
	return -1
}

// classEnd returns the place behind the single-character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.p[p]
	p++
	switch c {
	case '%':
		if p >= len(m.p) {
			return m.fail(errPatternEscape)
		}
		return p + 1
	case '[':
		if p < len(m.p) && m.p[p] == '^' {
			p++
		}
		for first := true; first || m.p[p] != ']'; first = false {
			if p >= len(m.p) {
				return m.fail(errPatternSet)
			}
			c := m.p[p]
			p++
			if c == '%' {
				if p >= len(m.p) {
					return m.fail(errPatternSet)
				}
				p++
			}
			if p >= len(m.p) {
				return m.fail(errPatternSet)
			}
		}
		return p + 1
	}
	return p
}

func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.s) {
		return false
	}
	c := m.s[s]
	switch m.p[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.p[p+1])
	case '[':
		m.steps += ep - p
		return m.inSet(c, p, ep-1)
	}
	return m.p[p] == c
}

// inSet tests c against the set that begins at p ('[') and ends at ep (']').
func (m *matcher) inSet(c byte, p, ep int) bool {
	want := true
	p++
	if m.p[p] == '^' {
		want = false
		p++
	}
	for ; p < ep; p++ {
		switch {
		case m.p[p] == '%':
			p++
			if inClass(c, m.p[p]) {
				return want
			}
		case p+2 < ep && m.p[p+1] == '-':
			if m.p[p] <= c && c <= m.p[p+2] {
				return want
			}
			p += 2
		case m.p[p] == c:
			return want
		}
	}
	return !want
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func inClass(c, class byte) bool {
	var in bool
	switch class | 0x20 {
	case 'a':
		in = isAlpha(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isAlpha(c) && !isDigit(c)
	case 's':
		in = c == ' ' || c >= 9 && c <= 13
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlpha(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if !isAlpha(class) {
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !in
	}
	return in
}
