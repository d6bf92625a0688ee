package luajit

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// The tags of encoded values; codec.c has the same list.
const (
	tagNil = iota
	tagFalse
	tagTrue
	tagNumber
	tagString
	tagList
	tagMap
	tagNull
	tagArray
	tagInt
	tagRef
)

// Null is JSON's null (cjson.null and ngx.null in Lua).
type Null struct{}

// Array is a list that carries the JSON array metatable in Lua, so that an
// empty one is encoded as [].
type Array []any

// Encoded is values in the form that AppendValue makes.
type Encoded []byte

// Strings encodes a list of strings piece by piece. The zero Strings is an
// empty list; Reset makes it one again and keeps the memory.
type Strings struct {
	b    []byte
	n    uint32
	last int // where the last string's count stands
}

// Reset empties s.
func (s *Strings) Reset() { s.b, s.n = append(s.b[:0], tagList, 0, 0, 0, 0), 0 }

// Add appends a string.
func (s *Strings) Add(v []byte) {
	if len(s.b) == 0 {
		s.Reset()
	}
	s.last = len(s.b) + 1
	s.b = appendString(s.b, v)
	s.n++
}

// Extend makes the last string longer; without one it does nothing.
func (s *Strings) Extend(v ...byte) {
	if s.n == 0 {
		return
	}
	s.b = append(s.b, v...)
	binary.NativeEndian.PutUint32(s.b[s.last:], uint32(len(s.b)-s.last-4))
}

// N is the number of strings.
func (s *Strings) N() int { return int(s.n) }

// Encoded is the list; valid until the next change of s.
func (s *Strings) Encoded() Encoded {
	if len(s.b) == 0 {
		s.Reset()
	}
	binary.NativeEndian.PutUint32(s.b[1:], s.n)
	return s.b
}

// Ref is a value that lives in the VM already: a reference from Keep or Conf.
type Ref int

// AppendStringHead appends the beginning of a string; its n bytes are to follow.
func AppendStringHead(dst []byte, n int) []byte { return appendCount(dst, tagString, n) }

// AppendValue appends v in the form that C decodes. It takes nil, bool, every
// integer and float type, string, []byte, Null, Array, slices, maps with string
// keys, pointers to any of these, Ref, and schema.Null for Null. Anything else becomes the text that fmt gives it.
func AppendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, tagNil)
	case bool:
		if v {
			return append(dst, tagTrue)
		}
		return append(dst, tagFalse)
	case string:
		return append(appendCount(dst, tagString, len(v)), v...)
	case []byte:
		return append(appendCount(dst, tagString, len(v)), v...)
	case float64:
		return appendNumber(dst, v)
	case int:
		return appendNumber(dst, float64(v))
	case int64:
		return appendNumber(dst, float64(v))
	case Null:
		return append(dst, tagNull)
	case Ref:
		return binary.NativeEndian.AppendUint64(append(dst, tagRef), uint64(v))
	case Array:
		dst = appendCount(dst, tagArray, len(v))
		for _, e := range v {
			dst = AppendValue(dst, e)
		}
		return dst
	case []any:
		dst = appendCount(dst, tagList, len(v))
		for _, e := range v {
			dst = AppendValue(dst, e)
		}
		return dst
	case []string:
		dst = appendCount(dst, tagList, len(v))
		for _, e := range v {
			dst = appendString(dst, e)
		}
		return dst
	case Encoded:
		return append(dst, v...)
	case map[string]any:
		return appendMap(dst, v)
	case map[string]string:
		return appendMap(dst, v)
	}
	if v == schema.Null {
		return append(dst, tagNull)
	}
	return appendReflected(dst, reflect.ValueOf(v))
}

// AppendText is AppendValue of a string whose bytes are b.
func AppendText(dst, b []byte) []byte { return appendString(dst, b) }

// AppendNumber is AppendValue of a number.
func AppendNumber(dst []byte, v float64) []byte { return appendNumber(dst, v) }

// appendString is AppendValue of s, which need not become an interface.
func appendString[T string | []byte](dst []byte, s T) []byte {
	return append(appendCount(dst, tagString, len(s)), s...)
}

func appendCount(dst []byte, tag byte, n int) []byte {
	return binary.NativeEndian.AppendUint32(append(dst, tag), uint32(n))
}

func appendNumber(dst []byte, v float64) []byte {
	return binary.NativeEndian.AppendUint64(append(dst, tagNumber), math.Float64bits(v))
}

// appendMap writes keys in order, so that tables of equal content are built alike.
func appendMap[V any](dst []byte, m map[string]V) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = appendCount(dst, tagMap, len(m))
	for _, k := range keys {
		dst = AppendValue(appendString(dst, k), m[k])
	}
	return dst
}

func appendReflected(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendNumber(dst, float64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return appendNumber(dst, float64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		return appendNumber(dst, v.Float())
	case reflect.Bool:
		return AppendValue(dst, v.Bool())
	case reflect.String:
		return AppendValue(dst, v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, tagNil)
		}
		return AppendValue(dst, v.Elem().Interface())
	case reflect.Slice, reflect.Array:
		dst = appendCount(dst, tagList, v.Len())
		for i := range v.Len() {
			dst = AppendValue(dst, v.Index(i).Interface())
		}
		return dst
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[fmt.Sprint(it.Key().Interface())] = it.Value().Interface()
		}
		return appendMap(dst, m)
	}
	return AppendValue(dst, fmt.Sprint(v.Interface()))
}

// DecodeValues reads all values of b: nil, bool, float64, string, Null, Array,
// []any and map[string]any. The strings are copies. ok is false when b is malformed.
func DecodeValues(b []byte) (values []any, ok bool) {
	for len(b) > 0 {
		v, rest, good := decodeValue(b, 0)
		if !good {
			return values, false
		}
		values, b = append(values, v), rest
	}
	return values, true
}

const maxDepth = 100

func decodeValue(b []byte, depth int) (v any, rest []byte, ok bool) {
	if len(b) == 0 || depth > maxDepth {
		return nil, nil, false
	}
	tag := b[0]
	b = b[1:]
	switch tag {
	case tagNil:
		return nil, b, true
	case tagFalse, tagTrue:
		return tag == tagTrue, b, true
	case tagNull:
		return Null{}, b, true
	case tagNumber, tagInt:
		if len(b) < 8 {
			return nil, nil, false
		}
		u := binary.NativeEndian.Uint64(b)
		if tag == tagInt {
			return float64(int64(u)), b[8:], true
		}
		return math.Float64frombits(u), b[8:], true
	}
	if len(b) < 4 || tag > tagInt {
		return nil, nil, false
	}
	n := int(binary.NativeEndian.Uint32(b))
	b = b[4:]
	if n > len(b) {
		return nil, nil, false
	}
	switch tag {
	case tagString:
		return string(b[:n]), b[n:], true
	case tagMap:
		return decodeMap(b, n, depth)
	}
	list := make([]any, n)
	for i := range list {
		if list[i], b, ok = decodeValue(b, depth+1); !ok {
			return nil, nil, false
		}
	}
	if tag == tagArray {
		return Array(list), b, true
	}
	return list, b, true
}

func decodeMap(b []byte, n, depth int) (_ any, rest []byte, ok bool) {
	m := make(map[string]any, n)
	for range n {
		var k, v any
		if k, b, ok = decodeValue(b, depth+1); !ok {
			return nil, nil, false
		}
		if v, b, ok = decodeValue(b, depth+1); !ok {
			return nil, nil, false
		}
		key, isText := k.(string)
		if !isText {
			return nil, nil, false
		}
		m[key] = v
	}
	return m, b, true
}
