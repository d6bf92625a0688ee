package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

func asString(v any) string { s, _ := v.(string); return s }

func checkTag(v any) error {
	s := asString(v)
	ok := utf8.ValidString(s)
	for i := 0; i < len(s) && ok; i++ {
		c := s[i]
		ok = c >= 0x20 && c != ',' && c != '/' && c != 0x7f
	}
	if !ok {
		return fmt.Errorf("invalid tag '%s': expected printable ascii (except `,` and `/`) or valid utf-8 sequences", s)
	}
	return nil
}

func checkName(v any) error {
	s := asString(v)
	if !utf8.ValidString(s) {
		return fmt.Errorf("invalid utf-8 character sequence detected in '%s'", s)
	}
	for i := range len(s) {
		c := s[i]
		if c < 0x80 && !isAlpha(c) && !isDigit(c) && !strings.ContainsRune(".-_~", rune(c)) {
			return fmt.Errorf("invalid value '%s': the only accepted ascii characters are alphanumerics or ., -, _, and ~", s)
		}
	}
	return nil
}

// SplitHostPort takes "host", "host:port", "1.2.3.4", "1.2.3.4:80", "::1" or
// "[::1]:80" apart. port is -1 where none is given; ok is false where neither
// a host name nor an address can be made of it, or the port is out of range.
func SplitHostPort(s string) (host string, port int, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", -1, false
		}
		host = s[1:end]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", -1, false
		}
		port, ok = parsePort(s[end+1:])
		return host, port, ok
	}
	if strings.Count(s, ":") > 1 {
		a, err := netip.ParseAddr(s)
		return s, -1, err == nil && a.Is6()
	}
	host, rest, colon := strings.Cut(s, ":")
	if colon {
		rest = ":" + rest
	}
	port, ok = parsePort(rest)
	return host, port, ok && (isIPv4(host) || isHostname(host))
}

func parsePort(s string) (int, bool) {
	if s == "" {
		return -1, true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > 6 {
		return -1, false
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if !isDigit(s[i]) {
			return -1, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n <= 65535
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// IsIP tells if s is an address without port or zone.
func IsIP(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// looksLikeIPv4 tells if s has four dotted parts of digits, which must then
// be an address.
func looksLikeIPv4(s string) bool {
	dots := 0
	for i := range len(s) {
		switch {
		case s[i] == '.':
			dots++
		case !isDigit(s[i]):
			return false
		}
	}
	return dots == 3
}

// isHostname: labels of letters, digits, "-" and "_", none beginning or ending
// with "-"; one trailing dot is allowed.
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 || looksLikeIPv4(s) && !isIPv4(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlpha(c) && !isDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// CheckHost refuses what is neither host name nor address, and a port.
func CheckHost(v any) error {
	s := asString(v)
	_, port, ok := SplitHostPort(s)
	if !ok {
		return fmt.Errorf("invalid value: %s", s)
	}
	if port >= 0 {
		return errors.New("must not have a port")
	}
	return nil
}

func checkHostPort(v any) error {
	s := asString(v)
	if _, _, ok := SplitHostPort(s); !ok {
		return fmt.Errorf("invalid hostname: %s", s)
	}
	return nil
}

func checkSNI(v any) error {
	if IsIP(strings.Trim(asString(v), "[]")) {
		return errors.New("must not be an IP")
	}
	return CheckHost(v)
}

func checkWildcardSNI(v any) error {
	s := asString(v)
	if i := strings.IndexByte(s, '*'); i >= 0 {
		if strings.Count(s, "*") > 1 {
			return errors.New("only one wildcard must be specified")
		}
		if i != 0 && i != len(s)-1 {
			return errors.New("wildcard must be leftmost or rightmost character")
		}
		s = strings.Replace(s, "*", "wildcard", 1)
	}
	return checkSNI(s)
}

func checkRouteHost(v any) error {
	s := asString(v)
	if _, _, ok := SplitHostPort(strings.Replace(s, "*", "wildcard", 1)); !ok {
		return fmt.Errorf("invalid hostname: %s", s)
	}
	return nil
}

func checkIP(v any) error {
	if s := asString(v); !IsIP(s) {
		return fmt.Errorf("not an ip address: %s", s)
	}
	return nil
}

func checkIPOrCIDR(v any) error {
	s := asString(v)
	if IsIP(s) {
		return nil
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return nil
	}
	return fmt.Errorf("invalid ip or cidr range: '%s'", s)
}

// CheckHeaderName allows letters, digits, "_" and "-".
func CheckHeaderName(v any) error {
	s := asString(v)
	for i := range len(s) {
		if c := s[i]; !isAlpha(c) && !isDigit(c) && c != '_' && c != '-' {
			return fmt.Errorf("bad header name '%s', allowed characters are A-Z, a-z, 0-9, '_', and '-'", s)
		}
	}
	return nil
}

func checkCookieName(v any) error {
	s := asString(v)
	for i := range len(s) {
		if !isToken(s[i]) {
			return fmt.Errorf("bad cookie name '%s', allowed characters are A-Z, a-z, 0-9, '_', and '-'", s)
		}
	}
	return nil
}

func isToken(c byte) bool {
	return isAlpha(c) || isDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

const reserved = "!*'();:@&=+$,/?%#[]"

func checkPath(v any) error {
	s := asString(v)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 || !isAlpha(c) && !isDigit(c) && strings.IndexByte("-._~"+reserved, c) < 0 {
			return fmt.Errorf("invalid path: '%s' (characters outside of the reserved list of RFC 3986 found)", s)
		}
		if c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			end := min(i+3, len(s))
			return fmt.Errorf("invalid url-encoded value: '%s'", s[i:end])
		}
	}
	return nil
}

func checkRouterPath(v any) error {
	s := asString(v)
	if strings.HasPrefix(s, "~") {
		return nil // a regex: compiled by the router's hook
	}
	if n := NormalizePath(s); n != s {
		return fmt.Errorf("non-normalized path, consider use '%s' instead", n)
	}
	return nil
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// NormalizePath is the form in which route paths are compared: escapes
// decoded except those of reserved characters (whose hex is upper case), dot
// segments removed, double slashes merged.
func NormalizePath(p string) string {
	return removeDots(decodeEscapes(p))
}

func decodeEscapes(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '%' || i+2 >= len(p) || !isHex(p[i+1]) || !isHex(p[i+2]) {
			b.WriteByte(p[i])
			continue
		}
		c := unhex(p[i+1])<<4 | unhex(p[i+2])
		if strings.IndexByte(reserved, c) >= 0 {
			b.WriteString(strings.ToUpper(p[i : i+3]))
		} else {
			b.WriteByte(c)
		}
		i += 2
	}
	return b.String()
}

func removeDots(p string) string {
	if !strings.Contains(p, "/.") && !strings.Contains(p, "//") {
		return p
	}
	out := make([]string, 0, 8)
	segs := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, s := range segs {
		last := i == len(segs)-1
		switch s {
		case "":
			if last {
				out = append(out, "")
			}
		case ".", "..":
			if s == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/")
}

func checkURL(v any) error {
	u, err := url.Parse(asString(v))
	if err != nil || u.Host == "" && u.Scheme == "" {
		return errors.New("missing host in url")
	}
	if u.Hostname() == "" {
		return errors.New("missing host in url")
	}
	if u.Scheme == "" {
		return errors.New("missing scheme in url")
	}
	if u.Path != "" && !strings.HasPrefix(u.Path, "/") {
		return errors.New("missing path in url")
	}
	return nil
}
