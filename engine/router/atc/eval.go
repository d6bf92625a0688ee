package atc

import (
	"net/netip"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/engine/router/regex"
)

// Header gives the values of header fields without allocating.
type Header interface {
	// Next is the first value of name at position from or later and the position
	// after it. name is in lower case with "_" for "-".
	Next(name string, from int) (value string, next int, ok bool)
}

// Values is what the fields of an expression are taken from. It holds scratch
// memory, so that it is for one goroutine at a time; use it again.
type Values struct {
	Protocol, SNI, Method string
	// Host is without port.
	Host string
	// Path is in normal form.
	Path  string
	Query string
	// Header may be nil.
	Header           Header
	SrcIP, DstIP     netip.Addr
	SrcPort, DstPort int

	scratch []byte
}

// Reset forgets the values and keeps the memory.
func (v *Values) Reset() { *v = Values{scratch: v.scratch[:0]} }

// Hit is what the last successful comparison of http.path found.
type Hit struct {
	// Text is the value of ==, ^= and =^ or what the regex of ~ matched.
	Text string
	// Regexp is the regex of ~, nil for another operator.
	Regexp *regex.Regexp
	// Lower is true where the comparison was of lower(http.path).
	Lower bool
}

// Match evaluates e. hit is set by comparisons of the path on the way; look at
// it only if the result is true.
func (e *Expr) Match(v *Values, hit *Hit) bool { return e.root.eval(v, hit) }

func (n *node) eval(v *Values, hit *Hit) bool {
	switch n.kind {
	case kindAnd:
		for _, kid := range n.kids {
			if !kid.eval(v, hit) {
				return false
			}
		}
		return true
	case kindOr:
		for _, kid := range n.kids {
			if kid.eval(v, hit) {
				return true
			}
		}
		return false
	case kindNot:
		return !n.kids[0].eval(v, hit)
	}
	return n.pred.eval(v, hit)
}

// eval: a field that the request lacks makes every comparison false.
func (p *predicate) eval(v *Values, hit *Hit) bool {
	switch p.field {
	case fieldSrcIP:
		return p.addr(v.SrcIP)
	case fieldDstIP:
		return p.addr(v.DstIP)
	case fieldSrcPort:
		return p.integer(int64(v.SrcPort))
	case fieldDstPort:
		return p.integer(int64(v.DstPort))
	case fieldSegmentLen:
		return p.integer(int64(countSegments(v.Path)))
	case fieldHeader, fieldQuery:
		return p.each(v)
	case fieldPath:
		return p.path(v, hit)
	case fieldSegments:
		s, ok := segments(v.Path, p.from, p.to)
		return ok && p.text(v, s)
	case fieldSNI:
		return v.SNI != "" && p.text(v, v.SNI)
	case fieldHost:
		return v.Host != "" && p.text(v, v.Host)
	case fieldMethod:
		return p.text(v, v.Method)
	}
	return p.text(v, v.Protocol)
}

// each compares every value of a header field or query argument: all of them
// must pass, or with any() one.
func (p *predicate) each(v *Values) bool {
	seen := false
	for from := 0; ; {
		var s string
		var ok bool
		if p.field == fieldQuery {
			s, from, ok = v.nextQuery(p.key, from)
		} else if v.Header != nil {
			s, from, ok = v.Header.Next(p.key, from)
		}
		if !ok {
			return seen && !p.any
		}
		seen = true
		if p.text(v, s) == p.any {
			return p.any
		}
	}
}

func (p *predicate) path(v *Values, hit *Hit) bool {
	if !p.text(v, v.Path) {
		return false
	}
	switch p.op {
	case opEqual, opPrefix, opSuffix:
		*hit = Hit{Text: p.value.str, Lower: p.lower}
	case opMatches:
		s := v.Path
		if p.lower {
			// The hit outlives the scratch memory.
			s = strings.ToLower(s)
		}
		*hit = Hit{Text: p.re.FindString(s), Regexp: p.re, Lower: p.lower}
	}
	return true
}

func (p *predicate) text(v *Values, s string) bool {
	if p.lower {
		s = v.lower(s)
	}
	want := p.value.str
	switch p.op {
	case opEqual:
		return s == want
	case opNotEqual:
		return s != want
	case opPrefix:
		return strings.HasPrefix(s, want)
	case opSuffix:
		return strings.HasSuffix(s, want)
	case opContains:
		return strings.Contains(s, want)
	}
	return p.re.MatchString(s)
}

func (p *predicate) integer(n int64) bool {
	want := p.value.num
	switch p.op {
	case opEqual:
		return n == want
	case opNotEqual:
		return n != want
	case opGreater:
		return n > want
	case opGreaterEqual:
		return n >= want
	case opLess:
		return n < want
	}
	return n <= want
}

func (p *predicate) addr(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = a.Unmap()
	switch p.op {
	case opEqual:
		return a == p.value.addr
	case opNotEqual:
		return a != p.value.addr
	case opIn:
		return p.value.prefix.Contains(a)
	}
	return !p.value.prefix.Contains(a)
}

// lower is s in lower case, in scratch memory where it differs.
func (v *Values) lower(s string) string {
	changes := false
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(s)
		}
		changes = changes || 'A' <= s[i] && s[i] <= 'Z'
	}
	if !changes {
		return s
	}
	start := len(v.scratch)
	if start > 4096 {
		start = 0 // values are compared one at a time, so old ones may go
	}
	b := v.scratch[:start]
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	v.scratch = b
	return unsafe.String(unsafe.SliceData(b[start:]), len(b)-start)
}

// segments is the part of path from segment from to segment to.
func segments(path string, from, to int) (string, bool) {
	start := -1
	for i, at := 0, 1; at < len(path); i++ {
		end := strings.IndexByte(path[at:], '/')
		if end < 0 {
			end = len(path)
		} else {
			end += at
		}
		if i == from {
			start = at
		}
		if i == to {
			return path[start:end], true
		}
		at = end + 1
	}
	return "", false
}

// countSegments counts what segments can give: the empty one after a trailing
// slash does not count.
func countSegments(path string) int {
	path = strings.TrimSuffix(path, "/")
	return strings.Count(path, "/")
}
