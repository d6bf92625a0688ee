package atc

import (
	"strings"
	"unsafe"
)

// nextQuery is the value of the first argument called name that begins at byte
// from of the query or later, decoded, and where the search goes on. An argument
// without "=" has the value "".
func (v *Values) nextQuery(name string, from int) (string, int, bool) {
	q := v.Query
	for from < len(q) {
		arg, next := q[from:], len(q)
		if i := strings.IndexByte(arg, '&'); i >= 0 {
			arg, next = arg[:i], from+i+1
		}
		from = next
		key, value, _ := strings.Cut(arg, "=")
		if key != "" && v.decode(key) == name {
			return v.decode(value), next, true
		}
	}
	return "", len(q), false
}

// decode undoes percent and plus encoding, in scratch memory where needed. A
// broken escape stays as it is.
func (v *Values) decode(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := v.scratch[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, ok1 := hexDigit(s[i+1])
			lo, ok2 := hexDigit(s[i+2])
			if ok1 && ok2 {
				c = hi<<4 | lo
				i += 2
			}
		}
		b = append(b, c)
	}
	v.scratch = b
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
