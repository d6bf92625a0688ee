package vars

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// get appends a variable's value; found is false when it has none now.
type get func(dst []byte, k *pdk.Kong) (_ []byte, found bool)

// family is a variable named by its rest: $http_NAME. rest is lower case.
type family struct {
	prefix string
	get    func(dst []byte, k *pdk.Kong, rest string) (_ []byte, found bool)
}

// families in order of their ids; a longer prefix stands before its own beginning.
var families = []family{
	{"upstream_http_", upstreamHeader},
	{"sent_http_", sentHeader},
	{"http_", requestHeader},
	{"cookie_", cookie},
	{"arg_", argument},
	{"upstream_trailer_", trailer},
	{"sent_trailer_", trailer},
}

var (
	ids   = map[string]int{}
	table []get
)

// add enters variables into the table; ids below len(families) are families'.
func add(group map[string]get) {
	if table == nil {
		table = make([]get, len(families))
	}
	for name, g := range group {
		ids[name] = len(table)
		table = append(table, g)
	}
}

func init() {
	add(requestVariables)
	add(connectionVariables)
	add(upstreamVariables)
	add(nginxVariables)
}

// Resolve finds a variable's id for Append; ok is false for an unknown name.
// Names are compared as written, in lower case for families.
func Resolve(name string) (id int, ok bool) {
	if id, ok = ids[name]; ok {
		return id, true
	}
	for i := range families {
		if p := families[i].prefix; len(name) > len(p) && name[:len(p)] == p {
			return i, true
		}
	}
	return 0, false
}

// Append appends the value of the variable that Resolve found; found is false,
// and nothing is appended, when it has no value now.
func Append(dst []byte, k *pdk.Kong, id int, name string) (_ []byte, found bool) {
	if k.Edits != nil {
		if v, ok := k.Edits[name]; ok {
			return append(dst, v...), true
		}
	}
	if id < len(families) {
		f := &families[id]
		return f.get(dst, k, name[len(f.prefix):])
	}
	return table[id](dst, k)
}

// Get is the value of a variable by name; found is false for an unknown one
// and for one without a value now (both are nil in Lua).
func Get(dst []byte, k *pdk.Kong, name string) (_ []byte, found bool) {
	id, ok := Resolve(name)
	if !ok {
		return defined(dst, k, name)
	}
	return Append(dst, k, id, name)
}

// defined is a variable that the configuration or a plugin made.
func defined(dst []byte, k *pdk.Kong, name string) ([]byte, bool) {
	v, ok := k.Edits[name]
	if !ok {
		v, ok = k.Gateway.Variables[name]
	}
	return append(dst, v...), ok
}

// view is a variable that stands in the exchange; always makes it found when empty.
func view(field func(*message.Exchange) message.Str, always bool) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		v := k.X.View(field(k.X))
		return append(dst, v...), always || v != ""
	}
}

// constant is a variable that is always the same.
func constant(v string) get {
	return func(dst []byte, _ *pdk.Kong) ([]byte, bool) { return append(dst, v...), true }
}

// absent is a variable that never has a value here.
func absent(dst []byte, _ *pdk.Kong) ([]byte, bool) { return dst, false }

// header appends the value of a field named as variables name it: lower case,
// "_" for "-". Several fields are joined.
func header(dst []byte, k *pdk.Kong, h *message.Head, rest, separator string) ([]byte, bool) {
	x := k.X
	found := false
	fs := x.Fields(h)
	for i := range fs {
		f := &fs[i]
		if f.Flags&message.FieldGone != 0 || int(f.Name.Len) != len(rest) || !named(x.NameOf(f), rest) {
			continue
		}
		if found {
			dst = append(dst, separator...)
		}
		dst, found = append(dst, x.ValueOf(f)...), true
	}
	return dst, found
}

// named compares a field's name with a variable's.
func named(field []byte, variable string) bool {
	for i, c := range field {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '-':
			c = '_'
		}
		if c != variable[i] {
			return false
		}
	}
	return true
}

func requestHeader(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	separator := ", "
	if rest == "cookie" {
		separator = "; "
	}
	return header(dst, k, &k.X.Request, rest, separator)
}

func sentHeader(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	if rest == "connection" {
		v := k.Response.Header("Connection")
		return append(dst, v...), v != "" && k.X.Status != 0
	}
	return header(dst, k, &k.X.Response, rest, ", ")
}

func upstreamHeader(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	v, ok := k.Service.Response.LookupHeader(rest)
	return append(dst, v...), ok
}

func trailer(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	return header(dst, k, &k.X.Trailer, rest, ", ")
}

// argument is the first argument of that name (any case), not decoded.
func argument(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	for raw := k.Request.RawQuery(); raw != ""; {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if name, value, has := strings.Cut(one, "="); has && strings.EqualFold(name, rest) {
			return append(dst, value...), true
		}
	}
	return dst, false
}

// cookie is the value of the cookie of that name (any case).
func cookie(dst []byte, k *pdk.Kong, rest string) ([]byte, bool) {
	for all := k.Request.Header("Cookie"); all != ""; {
		var one string
		one, all, _ = strings.Cut(all, ";")
		if name, value, has := strings.Cut(strings.TrimSpace(one), "="); has && strings.EqualFold(name, rest) {
			return append(dst, value...), true
		}
	}
	return dst, false
}
