package schema

import (
	"strconv"
	"strings"
)

// pretty writes a tree as an indented Lua table, the way the reference shows
// what lies deep in an error.
func pretty(v any, depth int) string {
	pad := strings.Repeat("  ", depth+1)
	var items []string
	switch x := v.(type) {
	case string:
		if depth == 0 {
			return x
		}
		return luaQuote(x)
	case Errors:
		for _, k := range sortedKeys(x) {
			items = append(items, pad+luaKey(k)+" = "+pretty(x[k], depth+1))
		}
	case map[string]any:
		return pretty(Errors(x), depth)
	case []any:
		hole := false
		for i, e := range x {
			switch {
			case e == nil:
				hole = true
			case hole:
				items = append(items, pad+"["+strconv.Itoa(i+1)+"] = "+pretty(e, depth+1))
			default:
				items = append(items, pad+pretty(e, depth+1))
			}
		}
	default:
		return Text(v)
	}
	if len(items) == 0 {
		return "{}"
	}
	return "{\n" + strings.Join(items, ",\n") + "\n" + strings.Repeat("  ", depth) + "}"
}

// compact writes a value as a Lua table on one line.
func compact(v any) string {
	var items []string
	switch x := v.(type) {
	case string:
		return luaQuote(x)
	case Errors:
		for _, k := range sortedKeys(x) {
			items = append(items, luaKey(k)+"="+compact(x[k]))
		}
	case map[string]any:
		return compact(Errors(x))
	case []any:
		hole := false
		for i, e := range x {
			switch {
			case e == nil:
				hole = true
			case hole:
				items = append(items, "["+strconv.Itoa(i+1)+"]="+compact(e))
			default:
				items = append(items, compact(e))
			}
		}
	default:
		return Text(v)
	}
	return "{" + strings.Join(items, ",") + "}"
}

// Compact writes a record as a Lua table on one line ({id="…"}).
func Compact(record map[string]any) string { return compact(record) }

func luaKey(k string) string {
	for i := 0; i < len(k); i++ {
		c := k[i]
		ok := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9'
		if !ok {
			return "[" + luaQuote(k) + "]"
		}
	}
	if k == "" {
		return `[""]`
	}
	return k
}

// luaQuote is string.format("%q").
func luaQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString(`\r`)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
