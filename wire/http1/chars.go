package http1

// token marks the bytes of a token (RFC 9110 section 5.6.2).
var token [256]bool

// badValue marks the bytes that no field value may have: controls but tab (RFC 9110 section 5.5).
var badValue [256]bool

func init() {
	for c := '0'; c <= 'z'; c++ {
		if c <= '9' || c >= 'a' || c >= 'A' && c <= 'Z' {
			token[c] = true
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		token[c] = true
	}
	for c := 0; c < 32; c++ {
		badValue[c] = c != '\t'
	}
	badValue[127] = true
}

func validValue(v []byte) bool {
	for _, c := range v {
		if badValue[c] {
			return false
		}
	}
	return true
}

// methodByte: nginx takes upper-case letters, '_' and '-' as a method.
func methodByte(c byte) bool { return 'A' <= c && c <= 'Z' || c == '_' || c == '-' }
