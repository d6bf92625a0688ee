package message

import "strconv"

// AppendInt appends n in decimal; small numbers, which most are, at little cost.
func AppendInt(dst []byte, n int64) []byte {
	switch {
	case uint64(n) < 10:
		return append(dst, '0'+byte(n))
	case uint64(n) < 100:
		return append(dst, '0'+byte(n/10), '0'+byte(n%10))
	case uint64(n) < 1000:
		return append(dst, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	}
	if uint64(n) >= 100000 {
		return strconv.AppendInt(dst, n, 10)
	}
	// Ports and lengths.
	high, low := n/1000, n%1000
	if high >= 10 {
		dst = append(dst, '0'+byte(high/10))
	}
	return append(dst, '0'+byte(high%10), '0'+byte(low/100), '0'+byte(low/10%10), '0'+byte(low%10))
}

// ParseLength is the number of 1 to 18 digits that v is, -1 for anything else
// (Content-Length, RFC 9112 section 6.3).
func ParseLength[T ~string | ~[]byte](v T) int64 {
	if len(v) == 0 || len(v) > 18 {
		return -1
	}
	n := int64(0)
	for i := range len(v) {
		c := v[i]
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
