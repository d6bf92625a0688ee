package luajit

import (
	"reflect"
	"testing"
)

// Values read one by one are those that are decoded at once.
func same(t *testing.T, b []byte) {
	var a Args
	ok := a.Set(b)
	all, good := DecodeValues(b)
	if ok && !good { // a map with keys that are no strings passes Set
		for i := range a.N() {
			a.Value(i)
		}
		return
	}
	if ok != good || ok && a.N() != len(all) {
		t.Fatalf("%q: %v %d, %v %d", b, ok, a.N(), good, len(all))
	}
	if !ok {
		return
	}
	for i, v := range all {
		got := a.Value(i)
		if f, isNumber := v.(float64); isNumber && f != f {
			continue
		}
		if !reflect.DeepEqual(got, v) {
			t.Errorf("%q: value %d is %#v, not %#v", b, i, got, v)
		}
		if s, isString := v.(string); isString && string(a.Bytes(i)) != s || !isString && a.Bytes(i) != nil {
			t.Errorf("%q: bytes %d are %q", b, i, a.Bytes(i))
		}
		if f, isNumber := v.(float64); isNumber && a.Number(i) != f {
			t.Errorf("%q: number %d is %v", b, i, a.Number(i))
		}
		if a.IsNil(i) != (v == nil) || a.Bool(i) != (v != nil && v != false) {
			t.Errorf("%q: value %d: nil %v, true %v", b, i, a.IsNil(i), a.Bool(i))
		}
	}
}

func TestArgs(t *testing.T) {
	var b []byte
	for _, v := range []any{nil, true, false, 1, -2.5, "", "text", Null{}, Array{1, "a"}, []any{[]any{}, map[string]any{"k": []any{1}}},
		map[string]any{"a": "b", "c": nil}, "the eleventh", 12, "the last"} {
		b = AppendValue(b, v)
		same(t, b)
	}
	for i := range b {
		same(t, b[:i])
	}
	var a Args
	a.Set(b)
	if a.Value(-1) != nil || a.Value(99) != nil || a.Number(1) != 0 || !a.IsNil(99) {
		t.Error("values that are not there")
	}
	a.Own()
	clear(b)
	if a.Value(13) != "the last" {
		t.Error("Own did not copy")
	}
}

func FuzzArgs(f *testing.F) {
	f.Add(AppendValue(AppendValue(nil, "x"), map[string]any{"a": []any{1, nil}}))
	f.Fuzz(func(t *testing.T, b []byte) { same(t, b) })
}
