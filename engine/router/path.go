package router

import "strings"

const upperHex = "0123456789ABCDEF"

// NormalizePath appends the normal form of raw to dst: what routes are matched
// against, what captures are taken from and what UpstreamPath starts from. raw
// is the path of the request target without the query.
//
// Escapes of characters that RFC 3986 reserves (and of "%") stay, with upper
// case digits; all others are decoded, so that the result may hold blanks and
// any byte. Then "." and ".." segments go, and runs of slashes become one. A
// ".." above the root is dropped; CheckPath tells such a path.
func NormalizePath(dst []byte, raw string) []byte {
	base := len(dst)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]) {
			d := unhex(raw[i+1])<<4 | unhex(raw[i+2])
			if isReserved(d) {
				dst = append(dst, '%', upperHex[d>>4], upperHex[d&15])
			} else {
				dst = append(dst, d)
			}
			i += 2
			continue
		}
		dst = append(dst, c)
	}
	return dst[:base+squeeze(dst[base:])]
}

// squeeze removes dot segments and double slashes in place and returns the new
// length. It never writes ahead of where it reads.
func squeeze(p []byte) int {
	w := 0
	for i := 0; i < len(p); {
		if p[i] != '/' {
			p[w] = p[i]
			w++
			i++
			continue
		}
		end := i + 1
		for end < len(p) && p[end] != '/' {
			end++
		}
		switch seg := p[i+1 : end]; {
		case len(seg) == 0 && end < len(p): // "//": the next slash counts
		case len(seg) == 1 && seg[0] == '.':
			if end == len(p) {
				p[w] = '/'
				w++
			}
		case len(seg) == 2 && seg[0] == '.' && seg[1] == '.':
			for w > 0 {
				w--
				if p[w] == '/' {
					break
				}
			}
			if end == len(p) {
				p[w] = '/'
				w++
			}
		default:
			w += copy(p[w:], p[i:end])
		}
		i = end
	}
	return w
}

// IsNormal reports that raw is its own normal form, so that a caller can use it
// without a copy.
func IsNormal(raw string) bool {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '%':
			return false
		case '/':
			if i+1 < len(raw) && (raw[i+1] == '/' || raw[i+1] == '.') {
				return false
			}
		}
	}
	return true
}

// CheckPath reports whether the reference takes raw as a path at all. It
// answers 400 to a path that does not begin with "/", to a "%" without two hex
// digits, to an escaped NUL and to ".." segments that climb above the root.
func CheckPath(raw string) bool {
	if raw == "" || raw[0] != '/' {
		return false
	}
	plain := true
	for i := 0; i < len(raw); i++ {
		if raw[i] == '%' {
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) || raw[i+1] == '0' && raw[i+2] == '0' {
				return false
			}
			plain = false
		}
		if raw[i] == '.' {
			plain = false
		}
	}
	return plain || depthHolds(raw)
}

// depthHolds walks the segments of raw as nginx does, with every escape decoded.
func depthHolds(raw string) bool {
	depth := 0
	dots, other := 0, false
	end := func() bool {
		switch {
		case other || dots > 2:
			depth++
		case dots == 2:
			depth--
		}
		dots, other = 0, false
		return depth >= 0
	}
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		switch c {
		case '/':
			if !end() {
				return false
			}
		case '.':
			dots++
		default:
			other = true
		}
	}
	return end()
}

// EscapePath appends path to dst with everything escaped that may not stand in
// a request target: blanks, control characters, bytes above 127 and "<>\^`{|}.
// "%" stays as it is, for a normal form keeps escapes of its own. The result has
// at most three times the length.
func EscapePath(dst []byte, path string) []byte {
	done := 0
	for i := 0; i < len(path); i++ {
		if c := path[i]; mustEscape[c] {
			dst = append(dst, path[done:i]...)
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			done = i + 1
		}
	}
	return append(dst, path[done:]...)
}

var mustEscape = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", byte(c)) >= 0
	}
	return t
}()

func isReserved(c byte) bool {
	switch c {
	case ':', '/', '?', '#', '[', ']', '@', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', '%':
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
