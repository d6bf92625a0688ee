package responsetransformer

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

func handlerOf(t testing.TB, c conf) *handler {
	return pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)
}

func TestHeaders(t *testing.T) {
	headers := func(op string, entries ...any) conf { return conf{op: conf{"headers": entries}} }
	for _, c := range []struct {
		config   conf
		response string
		want     map[string]string
	}{
		{headers("remove", "X-Gone"), "x-gone: 1\nX-Gone: 2\nX-S: s", map[string]string{"X-Gone": "", "X-S": "s"}},
		{headers("rename", "X-Old:X-New"), "X-Old: o", map[string]string{"X-Old": "", "X-New": "o"}},
		{headers("rename", "X-Old:X-New"), "X-Old: o\nX-New: n", map[string]string{"X-Old": "", "X-New": "o"}},
		{headers("replace", "X-A:new", "X-No:v"), "X-A: a", map[string]string{"X-A": "new", "X-No": ""}},
		{headers("add", "X-A:added", "X-B:b:c"), "X-S: s", map[string]string{"X-A": "added", "X-B": "b:c"}},
		{headers("add", "X-A:added"), "X-A: mine", map[string]string{"X-A": "mine"}},
		{headers("append", "X-A:more"), "X-A: one\nX-A: two", map[string]string{"X-A": "one|two|more"}},
		{headers("append", "X-A:more"), "X-S: s", map[string]string{"X-A": "more"}},
	} {
		e := pdktest.New(t, "GET /").As("response-transformer")
		e.Respond("200\nContent-Type: application/json\nContent-Length: 1\n" + c.response + "\n\nb")
		if err := e.RunHeaderFilter(handlerOf(t, c.config)); err != nil {
			t.Fatal(err)
		}
		for name, want := range c.want {
			if got := e.Got(name); got != want {
				t.Errorf("%v, %q: %s is %q, want %q", c.config, c.response, name, got, want)
			}
		}
		if e.Got("Content-Length") != "1" {
			t.Errorf("%v: Content-Length went", c.config)
		}
	}
}

func TestBody(t *testing.T) {
	json := func(op string, entries ...any) conf { return conf{op: conf{"json": entries}} }
	typed := func(op, kind string, entries ...any) conf {
		return conf{op: conf{"json": entries, "json_types": []any{kind}}}
	}
	for _, c := range []struct {
		config      conf
		contentType string
		body, want  string
	}{
		{json("remove", "a"), "application/json", `{"a":1,"b":{"c":[]}}`, `{"b":{"c":[]}}`},
		{json("remove", "a"), "application/json", `{"a":1}`, `{}`},
		{json("rename", "a:b"), "application/json", `{"a":[1]}`, `{"b":[1]}`},
		{typed("replace", "number", "a:5"), "application/json", `{"a":1}`, `{"a":5}`},
		{json("replace", "a:5"), "application/json", `{"a":1}`, `{"a":"5"}`},
		{json("replace", "a:5"), "application/json", `{"z":1}`, `{"z":1}`},
		{typed("add", "boolean", "a:true"), "application/json; charset=utf-8", `{}`, `{"a":true}`},
		{typed("add", "boolean", "a:true"), "application/json", `{"a":"have"}`, `{"a":"have"}`},
		{json("append", "a:z"), "application/json", `{"a":"y"}`, `{"a":["y","z"]}`},
		{json("append", "a:z"), "application/json", `{"a":["x"]}`, `{"a":["x","z"]}`},
		{json("append", "a:z"), "application/json", `{}`, `{"a":["z"]}`},
		{json("remove", "a"), "application/json", `not json`, `not json`},
		{json("remove", "a"), "application/json", `[{"a":1}]`, `[{"a":1}]`},
		{json("remove", "a"), "text/plain", `{"a":1}`, `{"a":1}`},
		{json("add", "a:1"), "application/json", ``, ``},
	} {
		for _, size := range []int{1, 5, 1000} {
			e := pdktest.New(t, "GET /").As("response-transformer")
			e.Respond("200\nContent-Type: " + c.contentType + "\nContent-Length: 99\n\n" + c.body)
			h := handlerOf(t, c.config)
			if err := e.RunHeaderFilter(h); err != nil {
				t.Fatal(err)
			}
			if got, err := e.RunBodyFilter(h, size); err != nil || got != c.want {
				t.Errorf("%v, %s in chunks of %d: %s, %v; want %s", c.config, c.body, size, got, err, c.want)
			}
			if changes := strings.HasPrefix(c.contentType, "application/json"); (e.Got("Content-Length") == "") != changes {
				t.Errorf("%v, %s: Content-Length %q", c.config, c.contentType, e.Got("Content-Length"))
			}
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (config.add: {\n  headers = {\n    \"invalid value: x\"\n  }\n})":    {"add": conf{"headers": []any{"x"}}},
		"schema violation (config.rename: {\n  headers = {\n    \"invalid value: a\"\n  }\n})": {"rename": conf{"headers": []any{"a"}}},
		"schema violation (config.add: {\n  json_types = {\n    \"expected one of: boolean, number, string\"\n  }\n})": {
			"add": conf{"json": []any{"a:1"}, "json_types": []any{"integer"}}},
		"schema violation (config.rename: {\n  headers = {\n    \"'a b' is not a valid header\"\n  }\n})": {"rename": conf{"headers": []any{"a b:c"}}},
		"schema violation (config.nope: unknown field)":                                                   {"nope": conf{}},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
	if _, err := pdktest.Config(config, conf{"add": conf{"json_types": []any{"number"}}}); err != nil {
		t.Error(err)
	}
}
