package pdk

import (
	"errors"
	"strings"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// MaxHeaders is how many headers are looked at where a limit applies, unless a
// caller asks for more (lua_max_req_headers, lua_max_resp_headers).
const MaxHeaders = 100

// Header is a header field with its values in order.
type Header struct {
	Name   string
	Values []string
}

// H makes a Header.
func H(name string, values ...string) Header { return Header{name, values} }

// errHeaderName refuses names that no message can carry.
var errHeaderName = errors.New("header name has characters that are not allowed in one")

// lookup finds the first field called name: an exact spelling (but for case)
// first, else one that differs in "-" and "_" only.
func lookup(s *message.Shared, h *message.Head, name string) *message.Field {
	var loose *message.Field
	fs := s.Fields(h)
	for i := range fs {
		f := &fs[i]
		if int(f.Name.Len) != len(name) || f.Flags&message.FieldGone != 0 {
			continue
		}
		n := s.NameOf(f)
		if message.EqualFold(n, name) {
			return f
		}
		if loose == nil && equalLoose(n, name) {
			loose = f
		}
	}
	return loose
}

// equalLoose compares names of one length in any case, "-" and "_" being the same.
func equalLoose(b []byte, name string) bool {
	for i := range b {
		if fold(b[i]) != fold(name[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	case c == '_':
		return '-'
	}
	return c
}

// dashed is name with "_" turned into "-", as the response functions see names.
func dashed(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return name
	}
	return strings.ReplaceAll(name, "_", "-")
}

// checkHeader refuses what would break the message's framing: Lua and Go
// plugins alike may pass on what a client sent.
func checkHeader(name, value string) error {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c == ':' || c == 0x7f {
			return errHeaderName
		}
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return errors.New("header value has a line break or a NUL")
		}
	}
	return nil
}

// onWire is the value that goes out for value: an empty one becomes a blank,
// as recorded.
func onWire(value string) string {
	if value == "" {
		return " "
	}
	return value
}

// setField gives name exactly these values in h.
func setField(s *message.Shared, h *message.Head, name string, values []string) error {
	for _, v := range values {
		if err := checkHeader(name, v); err != nil {
			return err
		}
	}
	if len(values) == 0 {
		return nil // an empty list changes nothing, as recorded
	}
	if err := s.Set(h, name, onWire(values[0])); err != nil {
		return err
	}
	for _, v := range values[1:] {
		if err := s.Add(h, name, onWire(v)); err != nil {
			return err
		}
	}
	return nil
}

// addField appends a field to h.
func addField(s *message.Shared, h *message.Head, name, value string) error {
	if err := checkHeader(name, value); err != nil {
		return err
	}
	return s.Add(h, name, onWire(value))
}

// HeaderSet are headers by lower-case name, values in order, as kong.*.get_headers
// gives them.
type HeaderSet map[string][]string

// Get is the first value of name, in any case.
func (h HeaderSet) Get(name string) string {
	if v := h[strings.ToLower(name)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// collect gathers at most max fields of h; truncated tells that there were more.
func collect(s *message.Shared, h *message.Head, max int) (set HeaderSet, truncated bool) {
	fs := s.Fields(h)
	set = make(HeaderSet, len(fs))
	n := 0
	for i := range fs {
		f := &fs[i]
		if f.Flags&message.FieldGone != 0 {
			continue
		}
		if n == max {
			return set, true
		}
		n++
		name := strings.ToLower(string(s.NameOf(f)))
		set[name] = append(set[name], string(s.ValueOf(f)))
	}
	return set, false
}
