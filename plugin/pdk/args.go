package pdk

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// MaxArgs is how many arguments of a query or form are looked at unless a
// caller asks for more (lua_max_uri_args, lua_max_post_args); MaxArgsLimit is
// the most that may be asked for.
const (
	MaxArgs      = 100
	MaxArgsLimit = 1000
)

// Arg is one argument of a query string or a form, decoded.
type Arg struct {
	Name, Value string
	// Bare: the name stood without "=", which Lua plugins see as true.
	Bare bool
}

// Args are arguments in the order sent.
type Args []Arg

// ParseArgs decodes at most max arguments of a query or an
// application/x-www-form-urlencoded body; truncated tells that there were
// more. Arguments without a name are skipped, broken escapes kept as they are.
func ParseArgs(raw string, max int) (args Args, truncated bool) {
	for raw != "" {
		var a Arg
		var ok bool
		if a, raw, ok = nextArg(raw); !ok {
			continue
		}
		if len(args) == max {
			return args, true
		}
		a.Name, a.Value = unescapeArg(a.Name), unescapeArg(a.Value)
		args = append(args, a)
	}
	return args, false
}

// nextArg cuts the first argument off raw, undecoded; ok is false for an empty one.
func nextArg(raw string) (a Arg, rest string, ok bool) {
	one, rest, _ := strings.Cut(raw, "&")
	name, value, has := strings.Cut(one, "=")
	return Arg{name, value, !has}, rest, name != ""
}

// Get is the first argument of that name.
func (args Args) Get(name string) (Arg, bool) {
	for _, a := range args {
		if a.Name == name {
			return a, true
		}
	}
	return Arg{}, false
}

// Table is args as Lua plugins see them: a string, true for a bare name, or
// []any of these for a repeated one.
func (args Args) Table() map[string]any {
	t := make(map[string]any, len(args))
	for _, a := range args {
		var v any = a.Value
		if a.Bare {
			v = true
		}
		switch old := t[a.Name].(type) {
		case nil:
			t[a.Name] = v
		case []any:
			t[a.Name] = append(old, v)
		default:
			t[a.Name] = []any{old, v}
		}
	}
	return t
}

// findArg decodes no more of raw than it must to find name among the first
// MaxArgs arguments.
func findArg(raw, name string) (a Arg, found, truncated bool) {
	for n := 0; raw != ""; {
		var ok bool
		var one Arg
		if one, raw, ok = nextArg(raw); !ok {
			continue
		}
		if n++; n > MaxArgs {
			return a, found, true
		}
		if !found && escapedEqual(one.Name, name) {
			a, found = Arg{unescapeArg(one.Name), unescapeArg(one.Value), one.Bare}, true
		}
	}
	return a, found, false
}

// escapedEqual compares an undecoded name with a decoded one.
func escapedEqual(escaped, name string) bool {
	if strings.IndexByte(escaped, '%') < 0 && strings.IndexByte(escaped, '+') < 0 {
		return escaped == name
	}
	return unescapeArg(escaped) == name
}

// unescapeArg decodes %XX and "+"; what is no escape stays.
func unescapeArg(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			b = append(b, ' ')
		case c == '%' && i+2 < len(s) && hexOf(s[i+1]) >= 0 && hexOf(s[i+2]) >= 0:
			b = append(b, byte(hexOf(s[i+1])<<4|hexOf(s[i+2])))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func hexOf(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

const upperHex = "0123456789ABCDEF"

// appendEscaped escapes all but unreserved characters (RFC 3986 section 2.3).
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendFormEscaped escapes as browsers do (WHATWG's form-urlencoded serializer).
func appendFormEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			dst = append(dst, '+')
		case isAlnum(c) || c == '*' || c == '-' || c == '.' || c == '_':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// EncodeArgs encodes a table of arguments as kong.service.request.set_query
// does: the encoded items sorted; true is a bare name, false and an empty list
// an empty item, a list repeats its name. Values are string, bool, a number,
// or a list of these; others are an error.
func EncodeArgs(table map[string]any) (string, error) {
	items := make([]string, 0, len(table))
	for name, value := range table {
		item, err := encodeArg(name, value)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	sort.Strings(items)
	return strings.Join(items, "&"), nil
}

func encodeArg(name string, value any) (string, error) {
	var list []any
	switch v := value.(type) {
	case []any:
		list = v
	case []string:
		for _, s := range v {
			list = append(list, s)
		}
	case map[string]any:
		return "", nil // a table without a list part
	default:
		list = []any{v}
	}
	b := make([]byte, 0, 32)
	for _, v := range list {
		if _, nested := v.([]any); nested {
			return "", fmt.Errorf("attempt to use table as query arg value")
		}
		if v == false {
			continue
		}
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, name)
		if v == true {
			continue
		}
		text, err := scalarText(v)
		if err != nil {
			return "", fmt.Errorf("attempt to use %s as query arg value", luaType(v))
		}
		b = appendEscaped(append(b, '='), text)
	}
	return string(b), nil
}

// scalarText is v as Lua's tostring gives it: a string, a number or a bool.
func scalarText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return NumberText(v), nil
	}
	return "", fmt.Errorf("got %s, expected string, number or boolean", luaType(v))
}

// luaType is what Lua's type() says of v, for errors that Lua plugins see too.
func luaType(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int, int64, float64:
		return "number"
	case map[string]any, []any, []string, map[string]string:
		return "table"
	}
	return fmt.Sprintf("%T", v)
}

// NumberText is a number as Lua writes it: 14 significant digits.
func NumberText(f float64) string { return string(appendNumber(nil, f, 14)) }
