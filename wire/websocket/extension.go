package websocket

import (
	"strconv"
	"strings"
)

// Extension is an element of Sec-WebSocket-Extensions.
type Extension struct {
	Name   string
	Params []Param
}

// Param is a parameter of an extension; Has tells "name=" from "name".
type Param struct {
	Name, Value string
	Has         bool
}

// maxExtensions bounds the elements and parameters that are looked at.
const maxExtensions = 32

// ParseExtensions reads a Sec-WebSocket-Extensions value; ok is false where it
// is malformed or absurdly long.
func ParseExtensions(s string) (list []Extension, ok bool) {
	for strings.TrimSpace(s) != "" {
		var e Extension
		var end byte
		if e.Name, s, end = cutWord(s); !isToken(e.Name) {
			return nil, false
		}
		for end == ';' {
			var p Param
			if p.Name, s, end = cutWord(s); !isToken(p.Name) {
				return nil, false
			}
			if end == '=' {
				p.Has = true
				if p.Value, s, end = cutWord(s); end == '=' || !isToken(p.Value) {
					return nil, false
				}
			}
			if e.Params = append(e.Params, p); len(e.Params) > maxExtensions {
				return nil, false
			}
		}
		if end != ',' && end != 0 || len(list) == maxExtensions {
			return nil, false
		}
		list = append(list, e)
	}
	return list, true
}

// cutWord takes a token or a quoted string off s, with the delimiter behind it
// (0 at the end).
func cutWord(s string) (word, rest string, end byte) {
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, `"`) {
		if k := strings.IndexByte(s[1:], '"'); k >= 0 {
			word, s = s[1:1+k], strings.TrimLeft(s[k+2:], " \t")
			if s == "" {
				return word, "", 0
			}
			return word, s[1:], s[0]
		}
	}
	k := strings.IndexAny(s, ",;=")
	if k < 0 {
		return strings.TrimRight(s, " \t"), "", 0
	}
	return strings.TrimRight(s[:k], " \t"), s[k+1:], s[k]
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 127 || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// Deflate are the parameters of permessage-deflate (RFC 7692 section 7.1).
type Deflate struct {
	// ServerNoTakeover and ClientNoTakeover: that side compresses each message
	// by itself.
	ServerNoTakeover, ClientNoTakeover bool
	// ServerBits and ClientBits are the exponents of the windows, 8 to 15.
	ServerBits, ClientBits int
}

const deflateName = "permessage-deflate"

// parse reads the parameters of e; offer: a client's. asked says that the
// client named its own window.
func (d *Deflate) parse(e *Extension, offer bool) (asked, ok bool) {
	*d = Deflate{ServerBits: 15, ClientBits: 15}
	seen := map[string]bool{}
	for _, p := range e.Params {
		if seen[p.Name] {
			return false, false
		}
		seen[p.Name] = true
		switch p.Name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.Has {
				return false, false
			}
			if p.Name[0] == 's' {
				d.ServerNoTakeover = true
			} else {
				d.ClientNoTakeover = true
			}
		case "server_max_window_bits":
			if d.ServerBits, ok = windowBits(p); !ok {
				return false, false
			}
		case "client_max_window_bits":
			asked = true
			if !p.Has && offer {
				continue
			}
			if d.ClientBits, ok = windowBits(p); !ok {
				return false, false
			}
		default:
			return false, false
		}
	}
	return asked, true
}

func windowBits(p Param) (int, bool) {
	n, err := strconv.Atoi(p.Value)
	return n, err == nil && n >= 8 && n <= 15 && len(p.Value) == len(strconv.Itoa(n))
}

// AcceptDeflate takes the first offer of permessage-deflate in a client's
// Sec-WebSocket-Extensions that can be met, and gives the value to answer with.
// noTakeover asks both sides to compress each message by itself, which saves
// the memory of two windows per connection.
func AcceptDeflate(offers string, noTakeover bool) (d Deflate, answer string, ok bool) {
	list, ok := ParseExtensions(offers)
	if !ok {
		return d, "", false
	}
	for i := range list {
		if list[i].Name != deflateName {
			continue
		}
		if _, ok := d.parse(&list[i], true); !ok {
			continue
		}
		answer = deflateName
		if d.ServerNoTakeover = d.ServerNoTakeover || noTakeover; d.ServerNoTakeover {
			answer += "; server_no_context_takeover"
		}
		if d.ClientNoTakeover = d.ClientNoTakeover || noTakeover; d.ClientNoTakeover {
			answer += "; client_no_context_takeover"
		}
		if d.ServerBits < 15 {
			answer += "; server_max_window_bits=" + strconv.Itoa(d.ServerBits)
		}
		d.ClientBits = 15 // any smaller window can be read, too
		return d, answer, true
	}
	return d, "", false
}

// OfferDeflate is the value with which a client of this package offers
// permessage-deflate.
const OfferDeflate = deflateName + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"

// CheckExtensions reads a server's answer to OfferDeflate: nil where nothing
// was agreed on. ErrExtensions: the server answered what was not offered.
func CheckExtensions(answer string) (*Deflate, error) {
	list, ok := ParseExtensions(answer)
	if !ok || len(list) > 1 || len(list) == 1 && list[0].Name != deflateName {
		return nil, ErrExtensions
	}
	if len(list) == 0 {
		return nil, nil
	}
	d := new(Deflate)
	if _, ok := d.parse(&list[0], false); !ok || !d.ServerNoTakeover {
		return nil, ErrExtensions
	}
	d.ClientNoTakeover = true // as offered; the server need not say so
	return d, nil
}
