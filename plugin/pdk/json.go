package pdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
)

// maxJSONDepth bounds how deep JSON may nest, both ways.
const maxJSONDepth = 512

// AppendJSON encodes v as kong.response.exit does with a table: no spaces, "/"
// escaped, numbers with at most 16 significant digits, keys sorted. v is made
// of nil, bool, numbers, string, []any, []string, map[string]any and
// map[string]string; other values go through encoding/json.
func AppendJSON(dst []byte, v any) ([]byte, error) { return appendJSON(dst, v, 0) }

func appendJSON(dst []byte, v any, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return dst, fmt.Errorf("nested deeper than %d levels", maxJSONDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, errors.New("must not be NaN or Infinity")
		}
		return appendNumber(dst, v, 16), nil
	case string:
		return appendJSONString(dst, v), nil
	case []any:
		return appendJSONList(dst, len(v), func(i int) any { return v[i] }, depth)
	case []string:
		return appendJSONList(dst, len(v), func(i int) any { return v[i] }, depth)
	case map[string]any:
		return appendJSONObject(dst, sortedKeys(v), func(k string) any { return v[k] }, depth)
	case map[string]string:
		return appendJSONObject(dst, sortedKeys(v), func(k string) any { return v[k] }, depth)
	}
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func appendJSONList(dst []byte, n int, at func(int) any, depth int) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, at(i), depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendJSONObject(dst []byte, keys []string, at func(string) any, depth int) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, k), ':')
		if dst, err = appendJSON(dst, at(k), depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// appendJSONString quotes s; bytes from 0x80 on pass as they are.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '/':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c < 0x20 || c == 0x7f {
				dst = append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}

const lowerHex = "0123456789abcdef"

// appendNumber writes f as C's "%.*g" does.
func appendNumber(dst []byte, f float64, digits int) []byte {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		switch {
		case math.IsNaN(f):
			return append(dst, "nan"...)
		case math.IsInf(f, 1):
			return append(dst, "inf"...)
		case math.IsInf(f, -1):
			return append(dst, "-inf"...)
		case math.Signbit(f):
			return append(dst, "-0"...)
		}
		return append(dst, '0')
	}
	// %e gives the exponent that decides between the two forms.
	var scratch [40]byte
	e := strconv.AppendFloat(scratch[:0], f, 'e', digits-1, 64)
	at := bytes.IndexByte(e, 'e')
	exp, _ := strconv.Atoi(string(e[at+1:]))
	if exp < -4 || exp >= digits {
		return append(append(dst, trimZeros(e[:at])...), e[at:]...)
	}
	var fixed [400]byte
	return append(dst, trimZeros(strconv.AppendFloat(fixed[:0], f, 'f', digits-1-exp, 64))...)
}

// trimZeros drops zeros behind the decimal point, and the point.
func trimZeros(b []byte) []byte {
	if bytes.IndexByte(b, '.') < 0 {
		return b
	}
	return bytes.TrimSuffix(bytes.TrimRight(b, "0"), []byte("."))
}

// errInvalidJSON is what Body returns for JSON that is broken, or neither an
// object nor an array.
var errInvalidJSON = errors.New("invalid json body")

// ParseJSON decodes an object or an array into map[string]any, []any, string,
// float64, bool and nil. Anything else is an error.
func ParseJSON(b []byte) (any, error) {
	if !shallow(b) {
		return nil, errInvalidJSON
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errInvalidJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errInvalidJSON
	}
	switch v.(type) {
	case map[string]any, []any:
		return v, nil
	}
	return nil, errInvalidJSON
}

// shallow says whether JSON text nests no deeper than maxJSONDepth.
func shallow(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxJSONDepth {
				return false
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return true
}
