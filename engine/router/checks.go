package router

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router/regex"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// shape is how a name pattern compares.
type shape uint8

const (
	whole   shape = iota
	ending        // *.example.test: text is ".example.test"
	leading       // www.*: text is "www."
)

// namePattern is a host or a server name, perhaps with a wildcard.
type namePattern struct {
	kind shape
	text string
	// port is 0 for any.
	port int
	// fold: a wildcard of the traditional flavor, which ignores case.
	fold bool
}

// compileHost reads a host with or without a port.
func compileHost(host string, fold bool) (namePattern, error) {
	name, port := splitPort(host)
	p, err := compileName("hosts", name, fold)
	if err == nil && port != "" {
		if p.port = portNumber(port); p.port < 1 || p.port > 65535 {
			return p, fmt.Errorf("hosts: %q has no valid port", host)
		}
	}
	return p, err
}

func compileName(field, name string, fold bool) (namePattern, error) {
	p := namePattern{text: name}
	if text, ok := strings.CutPrefix(name, "*"); ok {
		p = namePattern{kind: ending, text: text, fold: fold}
	} else if text, ok := strings.CutSuffix(name, "*"); ok {
		p = namePattern{kind: leading, text: text, fold: fold}
	}
	if p.fold {
		p.text = strings.ToLower(p.text)
	}
	if p.text == "" || strings.Contains(p.text, "*") ||
		p.kind == ending && p.text[0] != '.' || p.kind == leading && !strings.HasSuffix(p.text, ".") {
		return p, fmt.Errorf("%s: %q must be a name, or one with a single leading \"*.\" or trailing \".*\"", field, name)
	}
	return p, nil
}

// matches compares; folded is name in lower case.
func (p *namePattern) matches(name, folded string) bool {
	if p.fold {
		name = folded
	}
	switch p.kind {
	case ending:
		return strings.HasSuffix(name, p.text)
	case leading:
		return strings.HasPrefix(name, p.text)
	}
	return name == p.text
}

// splitPort takes a port off a Host header; brackets of an IPv6 address stay.
func splitPort(host string) (name, port string) {
	i := len(host) - 1
	for i >= 0 && '0' <= host[i] && host[i] <= '9' {
		i--
	}
	if i >= 0 && host[i] != ':' {
		i = strings.LastIndexByte(host[:i], ':')
	}
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 || host[0] != '[' && strings.IndexByte(host, ':') != i {
		return host, ""
	}
	return host[:i], host[i+1:]
}

// headerTest is one name of a route's headers: one value of the request's must
// equal one of texts, without regard to case, or match one of regexes.
type headerTest struct {
	name    string   // in lower case, "_" for "-"
	texts   []string // in lower case
	regexes []linear
}

func compileHeader(flavor Flavor, name string, values []string) (headerTest, error) {
	t := headerTest{name: headerKey(name)}
	for _, v := range values {
		pattern, ok := strings.CutPrefix(v, "~*")
		if !ok || flavor == Traditional && len(values) > 1 { // there, a regex stands alone
			t.texts = append(t.texts, strings.ToLower(v))
			continue
		}
		re, err := headerRegex(flavor, pattern)
		if err != nil {
			return t, fmt.Errorf("headers.%s: %w", name, err)
		}
		t.regexes = append(t.regexes, re)
	}
	return t, nil
}

func headerRegex(flavor Flavor, pattern string) (linear, error) {
	if flavor == Traditional {
		return regexp.Compile("(?i)" + pattern)
	}
	return regex.Compile("(?i)" + pattern)
}

// CheckHeaderRegex tells why pattern (without the "~*" in front) cannot be
// matched against a header field in a flavor, nil if it can.
func CheckHeaderRegex(flavor Flavor, pattern string) error {
	_, err := headerRegex(flavor, pattern)
	return err
}

func (t *headerTest) matches(h Header, st *state) bool {
	if h == nil {
		return false
	}
	for from := 0; ; {
		v, next, ok := h.Next(t.name, from)
		if !ok {
			return false
		}
		from = next
		if len(t.texts) > 0 && slices.Contains(t.texts, st.fold(v)) {
			return true
		}
		for _, re := range t.regexes {
			if re.MatchString(v) {
				return true
			}
		}
	}
}

// headerKey is a field name as Header.Next gets it.
func headerKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// SameName reports whether the field name, as sent, is what Header.Next was
// asked for: letter case and "-" against "_" make no difference.
func SameName[Name ~string | ~[]byte](name Name, key string) bool {
	if len(name) != len(key) {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '-':
			c = '_'
		}
		if c != key[i] {
			return false
		}
	}
	return true
}

// peerTest is an element of sources or destinations.
type peerTest struct {
	block netip.Prefix // invalid for any
	exact bool
	port  int // 0 for any
}

func compilePeers(field string, peers []entity.Peer) ([]peerTest, error) {
	var out []peerTest
	for _, p := range peers {
		t := peerTest{port: p.Port}
		if p.IP != "" {
			block, err := netip.ParsePrefix(p.IP)
			if err != nil {
				addr, err := netip.ParseAddr(p.IP)
				if err != nil {
					return nil, fmt.Errorf("%s: %q is no address or CIDR block", field, p.IP)
				}
				addr = addr.Unmap()
				block, t.exact = netip.PrefixFrom(addr, addr.BitLen()), true
			}
			t.block = block.Masked()
		}
		out = append(out, t)
	}
	return out, nil
}

func anyPeer(tests []peerTest, addr netip.Addr, port int) bool {
	addr = addr.Unmap()
	for i := range tests {
		t := &tests[i]
		if (t.port == 0 || t.port == port) && (!t.block.IsValid() || t.block.Contains(addr)) {
			return true
		}
	}
	return false
}

// peerWeight: an address is more specific than a port, that than a block.
func peerWeight(tests []peerTest) int64 {
	bits := int64(0)
	for _, t := range tests {
		switch {
		case t.exact:
			bits |= 4
		case t.block.IsValid():
			bits |= 1
		}
		if t.port != 0 {
			bits |= 2
		}
	}
	return bits
}
