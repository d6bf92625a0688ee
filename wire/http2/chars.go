package http2

// Classes of bytes.
const (
	nameByte      uint8 = 1 << iota // a field name's: lower-case token, RFC 9113 section 8.2.1
	tokenByte                       // a method's
	targetByte                      // a path's: no controls, blanks or DEL, which would split a request line
	authorityByte                   // an authority's
	oddByte                         // of names: neither letter, digit, '-' nor '_'
)

var class [256]uint8

func init() {
	for c := 0; c < 256; c++ {
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if alnum {
			class[c] |= tokenByte | authorityByte
			if c < 'A' || c > 'Z' {
				class[c] |= nameByte
			}
		}
		if c > ' ' && c != 127 {
			class[c] |= targetByte
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		class[c] |= nameByte | tokenByte
		if c != '-' && c != '_' {
			class[c] |= oddByte
		}
	}
	// No '@': user information does not belong into an authority (RFC 9113 section 8.3.1).
	for _, c := range "-._~!$&'()*+,;=:[]%" {
		class[c] |= authorityByte
	}
}

// all says whether s has only bytes of the class, and any.
func all(s string, of uint8) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&of == 0 {
			return false
		}
	}
	return s != ""
}

// validValue: no controls but tab, and no blank at either end (RFC 9113 section 8.2.1).
func validValue(v string) bool {
	if v == "" {
		return true
	}
	if v[0] == ' ' || v[0] == '\t' || v[len(v)-1] == ' ' || v[len(v)-1] == '\t' {
		return false
	}
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < ' ' && c != '\t' || c == 127 {
			return false
		}
	}
	return true
}
