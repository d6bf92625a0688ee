package schema

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Decode fills a struct from a record, once, off the request path. A field's
// name in the record is its Go name in snake_case (ID id, TLSVerify
// tls_verify, HTTPPath http_path); a tag `kong:"x"` overrides it, `kong:"-"`
// leaves the field alone. Absent and null values leave the zero value.
//
//   - numbers decode to any numeric type, refusing fractions and overflow for
//     integers; a string to string; a list to a slice; a map to a map;
//   - a record decodes to a struct, a foreign key {id = …} to a struct with
//     one field ID or to a string;
//   - a pointer is set only where there is a value; `any` takes the value.
//
// The error names the path of the field that does not fit.
func Decode(record map[string]any, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("schema.Decode: want a pointer to a struct, got %T", into)
	}
	return decodeStruct(record, v.Elem(), "")
}

type structField struct {
	index int
	name  string
}

// plans holds the decoded field names per struct type.
var plans sync.Map // reflect.Type → []structField

func planOf(t reflect.Type) []structField {
	if p, ok := plans.Load(t); ok {
		return p.([]structField)
	}
	var p []structField
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("kong")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = snake(f.Name)
		}
		p = append(p, structField{i, name})
	}
	plans.Store(t, p)
	return p
}

// snake turns a Go name into snake_case, runs of capitals as one word.
func snake(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c < 'A' || c > 'Z' {
			b.WriteByte(c)
			continue
		}
		prevLower := i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z')
		nextLower := i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
		// the s of a plural such as IDs or SNIs is no word of its own
		if nextLower && name[i+1] == 's' && (i+2 == len(name) || name[i+2] >= 'A' && name[i+2] <= 'Z') && !prevLower && i > 0 {
			nextLower = false
		}
		if i > 0 && (prevLower || nextLower) {
			b.WriteByte('_')
		}
		b.WriteByte(c | 0x20)
	}
	return b.String()
}

func decodeStruct(rec map[string]any, v reflect.Value, path string) error {
	for _, f := range planOf(v.Type()) {
		x, ok := rec[f.name]
		if !ok || IsNull(x) {
			continue
		}
		if err := decodeValue(x, v.Field(f.index), join(path, f.name)); err != nil {
			return err
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func misfit(path string, x any, v reflect.Value) error {
	return fmt.Errorf("%s: cannot decode %s into %s", path, kindOf(x), v.Type())
}

func kindOf(x any) string {
	switch x.(type) {
	case string:
		return "a string"
	case float64:
		return "a number"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "a record"
	}
	return fmt.Sprintf("%T", x)
}

func decodeValue(x any, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := decodeValue(x, p.Elem(), path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(x))
			return nil
		}
	case reflect.String:
		if m, ok := x.(map[string]any); ok && len(m) == 1 {
			x = m["id"] // a foreign key
		}
		if s, ok := x.(string); ok {
			v.SetString(s)
			return nil
		}
	case reflect.Bool:
		if b, ok := x.(bool); ok {
			v.SetBool(b)
			return nil
		}
	case reflect.Float32, reflect.Float64:
		if n, ok := x.(float64); ok {
			v.SetFloat(n)
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n, ok := x.(float64); ok && n == float64(int64(n)) && !v.OverflowInt(int64(n)) {
			v.SetInt(int64(n))
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n, ok := x.(float64); ok && n >= 0 && n == float64(uint64(n)) && !v.OverflowUint(uint64(n)) {
			v.SetUint(uint64(n))
			return nil
		}
	case reflect.Struct:
		if m, ok := x.(map[string]any); ok {
			return decodeStruct(m, v, path)
		}
		if l, ok := x.([]any); ok && len(l) == 0 {
			return nil
		}
	case reflect.Slice:
		return decodeSlice(x, v, path)
	case reflect.Map:
		return decodeMap(x, v, path)
	}
	return misfit(path, x, v)
}

func decodeSlice(x any, v reflect.Value, path string) error {
	l, ok := x.([]any)
	if !ok {
		if m, isMap := x.(map[string]any); !isMap || len(m) > 0 {
			return misfit(path, x, v)
		}
	}
	out := reflect.MakeSlice(v.Type(), len(l), len(l))
	for i, e := range l {
		if IsNull(e) {
			continue
		}
		if err := decodeValue(e, out.Index(i), fmt.Sprintf("%s.%d", path, i+1)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func decodeMap(x any, v reflect.Value, path string) error {
	m, ok := x.(map[string]any)
	if !ok {
		if l, isList := x.([]any); !isList || len(l) > 0 {
			return misfit(path, x, v)
		}
	}
	t := v.Type()
	out := reflect.MakeMapWithSize(t, len(m))
	for k, e := range m {
		key := reflect.New(t.Key()).Elem()
		if err := decodeKey(k, key, join(path, k)); err != nil {
			return err
		}
		val := reflect.New(t.Elem()).Elem()
		if !IsNull(e) {
			if err := decodeValue(e, val, join(path, k)); err != nil {
				return err
			}
		}
		out.SetMapIndex(key, val)
	}
	v.Set(out)
	return nil
}

func decodeKey(k string, v reflect.Value, path string) error {
	if v.Kind() == reflect.String {
		v.SetString(k)
		return nil
	}
	if n, ok := parseNumber(k); ok {
		return decodeValue(n, v, path)
	}
	return misfit(path, k, v)
}
