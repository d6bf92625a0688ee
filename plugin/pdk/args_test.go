package pdk

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	for raw, want := range map[string]map[string]any{
		"a=1&b=2&a=3&a&flag&empty=":   {"a": []any{"1", "3", true}, "b": "2", "flag": true, "empty": ""},
		"a=%20+%2B&%61=2":             {"a": []any{"  +", "2"}},
		"":                            {},
		"&&&":                         {},
		"=novalue&&a=1&":              {"a": "1"},
		"a=%zz&b=%4&u=%":              {"a": "%zz", "b": "%4", "u": "%"},
		"a=b=c;d=e":                   {"a": "b=c;d=e"},
		"x[]=1&x[]=2&y[k]=3":          {"x[]": []any{"1", "2"}, "y[k]": "3"},
		"sp+ace=p%20q+r&u=%E4%BD%A0":  {"sp ace": "p q r", "u": "你"},
		"x%20y&z=%zz&?&=&&":           {"x y": true, "z": "%zz", "?": true},
		"a=" + strings.Repeat("%", 9): {"a": "%%%%%%%%%"},
	} {
		args, truncated := ParseArgs(raw, MaxArgs)
		if got := args.Table(); truncated || !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %v, %v; want %v", raw, got, truncated, want)
		}
	}
	if args, truncated := ParseArgs("a=1&b=2", 1); !truncated || len(args) != 1 {
		t.Errorf("max 1: %v, %v", args, truncated)
	}
	if args, truncated := ParseArgs("a=1&b=2", 2); truncated || len(args) != 2 {
		t.Errorf("max 2: %v, %v", args, truncated)
	}
}

func TestEncodeArgs(t *testing.T) {
	for _, c := range []struct {
		table map[string]any
		want  string
		err   string
	}{
		{map[string]any{"b": "2", "a": 1, "flag": true, "off": false, "arr": []any{"z", "a", 3, true}, "empty": "", "C": "up"},
			"&C=up&a=1&arr=z&arr=a&arr=3&arr&b=2&empty=&flag", ""},
		{map[string]any{"sp ace": "a b+c&d=e", "ü": "é/?:@", "x[]": []string{"1", "2"}},
			"%C3%BC=%C3%A9%2F%3F%3A%40&sp%20ace=a%20b%2Bc%26d%3De&x%5B%5D=1&x%5B%5D=2", ""},
		{map[string]any{}, "", ""},
		{map[string]any{"a": []any{}, "b": "1"}, "&b=1", ""},
		{map[string]any{"a": map[string]any{"b": "c"}}, "", ""},
		{map[string]any{"a": []any{[]any{"x"}}}, "", "attempt to use table as query arg value"},
		{map[string]any{"a": 1.5, "b": 1e15}, "a=1.5&b=1e%2B15", ""},
	} {
		got, err := EncodeArgs(c.table)
		if got != c.want || (err != nil) != (c.err != "") || err != nil && err.Error() != c.err {
			t.Errorf("%v gives %q, %v; want %q, %q", c.table, got, err, c.want, c.err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", 1.5: "1.5", 1e15: "1e+15", 1e14: "1e+14", 0.1: "0.1", 12345678901234567890: "1.2345678901235e+19",
		100: "100", 1e-5: "1e-05", 0.0001: "0.0001", 99999999999999: "99999999999999", -3.25: "-3.25",
	} {
		if got := NumberText(f); got != want {
			t.Errorf("%v gives %s, want %s", f, got, want)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("a=1&b=%20&c")
	f.Fuzz(func(t *testing.T, raw string) {
		args, _ := ParseArgs(raw, MaxArgsLimit)
		for _, a := range args {
			got, found, truncated := findArg(raw, a.Name)
			if first, _ := args.Get(a.Name); !truncated && (!found || got != first) {
				t.Fatalf("findArg(%q) = %v, %v; ParseArgs has %v", a.Name, got, found, first)
			}
		}
	})
}
