package schema

import (
	"reflect"
	"strconv"
	"strings"
)

// Normalize turns Go values into values of this package: every number to
// float64, every slice to []any, every map with string keys to
// map[string]any. Values that already are of the right form are returned as
// they stand, not copied.
func Normalize(v any) any {
	switch x := v.(type) {
	case nil, string, float64, bool, null:
		return v
	case int:
		return float64(x)
	case int64:
		return float64(x)
	case []any:
		for i := range x {
			if n := Normalize(x[i]); !sameScalar(n, x[i]) {
				return normalizeList(x)
			}
		}
		return x
	case map[string]any:
		for _, e := range x {
			if n := Normalize(e); !sameScalar(n, e) {
				return normalizeMap(x)
			}
		}
		return x
	case []string:
		out := make([]any, len(x))
		for i := range x {
			out[i] = x[i]
		}
		return out
	}
	return normalizeOther(reflect.ValueOf(v), v)
}

// sameScalar tells if Normalize left v alone; it never compares the inside of
// containers, which are returned identical when unchanged.
func sameScalar(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && reflect.ValueOf(x).Pointer() == reflect.ValueOf(y).Pointer()
	case string, float64, bool, null, nil:
		return a == b
	}
	return true
}

func normalizeList(x []any) []any {
	out := make([]any, len(x))
	for i := range x {
		out[i] = Normalize(x[i])
	}
	return out
}

func normalizeMap(x map[string]any) map[string]any {
	out := make(map[string]any, len(x))
	for k, e := range x {
		out[k] = Normalize(e)
	}
	return out
}

func normalizeOther(rv reflect.Value, v any) any {
	switch rv.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(rv.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(rv.Uint())
	case reflect.Float32:
		return rv.Float()
	case reflect.String:
		return rv.String()
	case reflect.Slice, reflect.Array:
		out := make([]any, rv.Len())
		for i := range out {
			out[i] = Normalize(rv.Index(i).Interface())
		}
		return out
	case reflect.Map:
		if rv.Type().Key().Kind() != reflect.String {
			return v
		}
		out := make(map[string]any, rv.Len())
		for it := rv.MapRange(); it.Next(); {
			out[it.Key().String()] = Normalize(it.Value().Interface())
		}
		return out
	}
	return v
}

// Copy is a deep copy of a value.
func Copy(v any) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = Copy(x[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = Copy(e)
		}
		return out
	}
	return v
}

// Equal compares two values; a missing value and Null are the same.
func Equal(a, b any) bool {
	a, b = Normalize(a), Normalize(b)
	if IsNull(a) || IsNull(b) {
		return IsNull(a) && IsNull(b)
	}
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, e := range x {
			f, ok := y[k]
			if !ok || !Equal(e, f) {
				return false
			}
		}
		return true
	case string, float64, bool:
		return a == b
	}
	return false
}

// IsNull tells if v is absent or Null.
func IsNull(v any) bool { return v == nil || v == Null }

// Text writes a value as the reference does in messages: numbers without a
// needless fraction, strings bare.
func Text(v any) string {
	switch x := Normalize(v).(type) {
	case nil:
		return "nil"
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return FormatNumber(x)
	case null:
		return "null"
	case []any:
		parts := make([]string, len(x))
		for i := range x {
			parts[i] = Text(x[i])
		}
		return strings.Join(parts, ", ")
	default:
		return compact(v)
	}
}

// FormatNumber writes a number the way Lua does (%.14g).
func FormatNumber(f float64) string {
	if f == float64(int64(f)) && f < 1e15 && f > -1e15 {
		return strconv.FormatInt(int64(f), 10)
	}
	s := strconv.FormatFloat(f, 'g', 14, 64)
	if strings.ContainsAny(s, "eE") {
		return s
	}
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// IsReference tells if s is a vault reference, {vault://…}.
func IsReference(s string) bool {
	return len(s) > len("{vault://}") && strings.HasPrefix(s, "{vault://") && s[len(s)-1] == '}'
}
