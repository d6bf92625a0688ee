package luajit

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func TestValuesSurviveTheWayThroughLua(t *testing.T) {
	h := newHost(t, 0)
	if _, err := h.Eval(`native.set_array_mt({})`, "=test", nil); err != nil {
		t.Fatal(err)
	}
	n := 7
	deep := any("leaf")
	for range 90 {
		deep = []any{deep}
	}
	for _, c := range []struct{ in, want any }{
		{nil, nil}, {true, true}, {false, false}, {1.5, 1.5}, {-3, -3.0}, {uint8(200), 200.0}, {int64(1) << 40, float64(int64(1) << 40)},
		{"", ""}, {"a\x00b\xff", "a\x00b\xff"}, {[]byte("bytes"), "bytes"}, {strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20)},
		{Null{}, Null{}}, {schema.Null, Null{}}, {&n, 7.0}, {(*int)(nil), nil},
		{[]any{1, "two", []any{true}}, []any{1.0, "two", []any{true}}}, {[]string{"a", "b"}, []any{"a", "b"}},
		{[]any{}, map[string]any{}}, {Array{}, Array{}}, {Array{1, Array{}}, Array{1.0, Array{}}},
		{map[string]any{"a": 1, "b": map[string]any{}}, map[string]any{"a": 1.0, "b": map[string]any{}}},
		{map[string]string{"x": "y"}, map[string]any{"x": "y"}}, {map[string]int{"x": 1}, map[string]any{"x": 1.0}}, {deep, deep},
	} {
		out, err := h.Eval(`return ...`, "=test", AppendValue(nil, c.in))
		if err != nil {
			t.Errorf("%.60v: %v", c.in, err)
			continue
		}
		got, ok := DecodeValues(out)
		if !ok || len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%.60v became %.60v (%v), want %.60v", c.in, got, ok, c.want)
		}
	}
}

func TestWhatCannotTravel(t *testing.T) {
	h := newHost(t, 0)
	for chunk, want := range map[string]string{
		`return function() end`:                                       "a function cannot be passed on",
		`return { coroutine.create(print) }`:                          "a thread cannot be passed on",
		`local t = {} t.t = t return t`:                               "nested too deeply",
		`return { [{}] = 1 }`:                                         "a table cannot be a key",
		`local t = {} for i = 1, 150 do t = { t } end return t`:       "nested too deeply",
		`return require("ffi").new("int")`:                            "a cdata cannot be passed on",
		`return io.stdout`:                                            "a userdata cannot be passed on",
		`return setmetatable({}, { __index = error, __len = error })`: "",
	} {
		_, err := h.Eval(chunk, "=test", nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", chunk, err, want)
		}
	}
}

func FuzzDecodeValues(f *testing.F) {
	f.Add(AppendValue(nil, []any{1, "two", map[string]any{"a": Array{Null{}}}}))
	f.Add(AppendValue(AppendValue(nil, nil), true))
	f.Add([]byte{tagList, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		values, ok := DecodeValues(b)
		if !ok {
			return
		}
		var again []byte
		for _, v := range values {
			again = AppendValue(again, v)
		}
		back, ok := DecodeValues(again)
		if !ok || len(back) != len(values) {
			t.Fatalf("%v became %v", values, back)
		}
	})
}
