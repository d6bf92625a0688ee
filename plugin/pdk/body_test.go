package pdk

import (
	"reflect"
	"strings"
	"testing"
)

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{map[string]string{"message": "hi"}, `{"message":"hi"}`},
		{map[string]any{}, `{}`},
		{[]any{}, `[]`},
		{[]any{1.0, "two", false, nil}, `[1,"two",false,null]`},
		{[]any{1, 1.5, 1e20, 0.1, 10000000000.0}, `[1,1.5,1e+20,0.1,10000000000]`},
		{[]string{"a/b \"q\" \n grün <&>\x01\x7f"}, `["a\/b \"q\" \n grün <&>\u0001\u007f"]`},
		{[]any{9007199254740993.0, 123456789012345678.0}, `[9007199254740992,1.234567890123457e+17]`},
		{map[string]any{"b": 1, "a": struct {
			X int `json:"x"`
		}{2}}, `{"a":{"x":2},"b":1}`},
	} {
		got, err := AppendJSON(nil, c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%v gives %s, %v; want %s", c.v, got, err, c.want)
		}
	}
	var deep any = "x"
	for range maxJSONDepth + 5 {
		deep = []any{deep}
	}
	if _, err := AppendJSON(nil, deep); err == nil {
		t.Error("deep nesting is not refused")
	}
}

func TestParseJSON(t *testing.T) {
	for text, want := range map[string]any{
		`{"a":1,"b":[true,null,"x"],"c":{"d":1.5}}`: map[string]any{"a": 1.0, "b": []any{true, nil, "x"}, "c": map[string]any{"d": 1.5}},
		`[]`:                []any{},
		` {"a": "\u00fc"} `: map[string]any{"a": "ü"},
		`{"a":1,"a":2}`:     map[string]any{"a": 2.0},
	} {
		if got, err := ParseJSON([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`"s"`, `5`, `{bad`, ``, `{"a":1} trailing`, `null`, strings.Repeat("[", 100000), "[1,"} {
		if _, err := ParseJSON([]byte(text)); err != errInvalidJSON {
			t.Errorf("%.20s: error %v", text, err)
		}
	}
}

const twoParts = "--BB\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n" +
	"--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\nfile text\r\n" +
	"--BB\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntwo\r\n--BB--\r\n"

func TestParseMultipart(t *testing.T) {
	for _, c := range []struct {
		body, contentType string
		want              map[string]any
	}{
		{twoParts, "multipart/form-data; boundary=BB", map[string]any{"a": []any{"one", "two"}, "f": "file text"}},
		{twoParts, `multipart/form-data; charset=x; boundary="BB"`, map[string]any{"a": []any{"one", "two"}, "f": "file text"}},
		{strings.ReplaceAll(twoParts, "\r\n", "\n"), "multipart/form-data; boundary=BB", map[string]any{"a": []any{"one", "two"}, "f": "file text"}},
		{twoParts, "multipart/form-data", map[string]any{}},
		{twoParts, "multipart/form-data; boundary=CC", map[string]any{}},
		{"nonsense", "multipart/form-data; boundary=BB", map[string]any{}},
		{"", "multipart/form-data; boundary=BB", map[string]any{}},
		{"--BB\r\n\r\nno name\r\n--BB--", "multipart/form-data; boundary=BB", map[string]any{}},
	} {
		b, _, err := decodeBody(typeMultipart, c.contentType, []byte(c.body), 0)
		if err != nil || !reflect.DeepEqual(b.Value, c.want) {
			t.Errorf("%.30q as %q gives %v, %v", c.body, c.contentType, b.Value, err)
		}
	}
}

func TestEncodeMultipart(t *testing.T) {
	body, contentType, err := EncodeMultipart(map[string]any{"b": "two", "a": "one\nline", "n": 7}, "multipart/form-data; boundary=XYZ")
	if err != nil || len(body) != 180 || contentType != "multipart/form-data; boundary=XYZ" {
		t.Errorf("%d bytes, %q, %v:\n%s", len(body), contentType, err, body)
	}
	body, contentType, err = EncodeMultipart(map[string]any{"k": "v"}, `multipart/form-data; boundary="q q"`)
	if err != nil || len(body) != 63 || contentType != "multipart/form-data; boundary=q q" {
		t.Errorf("%d bytes, %q, %v", len(body), contentType, err)
	}
	if body, _, _ := EncodeMultipart(nil, "multipart/form-data; boundary=XYZ"); len(body) != 9 {
		t.Errorf("%q", body)
	}
	if _, _, err := EncodeMultipart(map[string]any{"t": map[string]any{}}, "x"); err == nil ||
		err.Error() != `invalid value "t": got table, expected string, number or boolean` {
		t.Errorf("error %v", err)
	}
	body, contentType, err = EncodeMultipart(map[string]any{"k": "v"}, "multipart/form-data")
	if parts := ParseMultipart(body, contentType); err != nil || len(parts) != 1 || parts[0].Value != "v" {
		t.Errorf("with a boundary of its own: %v, %v", parts, err)
	}
}

func FuzzParseMultipart(f *testing.F) {
	f.Add([]byte(twoParts), "multipart/form-data; boundary=BB")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		for _, p := range ParseMultipart(body, contentType) {
			if len(p.Value) > len(body) {
				t.Fatal("a part is longer than the body")
			}
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"c":"\u00e9\/"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseJSON(b)
		if err != nil {
			return
		}
		again, err := AppendJSON(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseJSON(again); err != nil {
			t.Fatalf("%s became %s", b, again)
		}
	})
}
