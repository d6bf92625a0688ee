package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func plugin(fields ...Field) *Schema {
	return &Schema{Name: "p", Fields: []Field{{Name: "config", Type: Record, Fields: fields}}}
}

func process(s *Schema, config string) (map[string]any, error) {
	var v any
	if err := json.Unmarshal([]byte(config), &v); err != nil {
		panic(err)
	}
	return s.Process(map[string]any{"config": nullify(v)}, Insert)
}

func nullify(v any) any {
	switch x := v.(type) {
	case nil:
		return Null
	case map[string]any:
		for k := range x {
			x[k] = nullify(x[k])
		}
	case []any:
		for i := range x {
			x[i] = nullify(x[i])
		}
	}
	return v
}

func TestDefaultsAndNulls(t *testing.T) {
	s := plugin(
		Field{Name: "n", Type: Integer, Default: 5},
		Field{Name: "list", Type: Array, Elements: &Field{Type: String}, Default: []string{"a"}},
		Field{Name: "rec", Type: Record, Fields: []Field{{Name: "b", Type: Integer, Default: 1}}},
		Field{Name: "opt", Type: Record, Optional: true, Fields: []Field{{Name: "c", Type: Integer, Default: 2}}},
		Field{Name: "items", Type: Array, Elements: &Field{Type: Record, Fields: []Field{{Name: "d", Type: String, Default: "x"}}}},
		Field{Name: "set", Type: Set, Elements: &Field{Type: String}},
	)
	for in, want := range map[string]string{
		`{}`:                       `{"list":["a"],"n":5,"rec":{"b":1}}`,
		`{"n":null,"list":null}`:   `{"rec":{"b":1}}`,
		`{"opt":{}}`:               `{"list":["a"],"n":5,"opt":{"c":2},"rec":{"b":1}}`,
		`{"items":[{},{"d":"y"}]}`: `{"items":[{"d":"x"},{"d":"y"}],"list":["a"],"n":5,"rec":{"b":1}}`,
		`{"set":["b","a","b"]}`:    `{"list":["a"],"n":5,"rec":{"b":1},"set":["b","a"]}`,
		`{"rec":[],"list":{}}`:     `{"list":[],"n":5,"rec":{"b":1}}`,
	} {
		rec, err := process(s, in)
		got, _ := json.Marshal(rec["config"])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	rec, _ := process(s, `{}`)
	rec["config"].(map[string]any)["list"].([]any)[0] = "changed"
	if again, _ := process(s, `{}`); again["config"].(map[string]any)["list"].([]any)[0] != "a" {
		t.Error("defaults are shared between records")
	}
}

// TestViolations: the reference's texts, one by one (golden/admin/plugins).
func TestViolations(t *testing.T) {
	header := HeaderName
	s := plugin(
		Field{Name: "key_names", Type: Array, Elements: &header},
		Field{Name: "limits", Type: Map, Required: false, LenMin: Int(1), Keys: &Field{Type: String}, Values: &Field{Type: Record,
			Fields:       []Field{{Name: "minute", Type: Number, Gt: Num(0)}},
			EntityChecks: []EntityCheck{{AtLeastOneOf: []string{"minute"}}}}},
		Field{Name: "prefix", Type: String, Match: "^[a-z]+$"},
		Field{Name: "secret", Type: String, Match: "^[a-z]+$", Referenceable: true},
		Field{Name: "url", Type: String, Custom: checkURL},
		Field{Name: "peer", Type: String, Custom: checkIPOrCIDR},
		Field{Name: "own", Type: String, OneOf: List("a"), Err: "only a"},
		Field{Name: "metrics", Type: Array, Elements: &Field{Type: Record, Fields: []Field{
			{Name: "tags", Type: Array, Elements: &Field{Type: String, Match: "^.+:.+$"}},
			{Name: "stat", Type: String}, {Name: "rate", Type: Number}},
			EntityChecks: []EntityCheck{{Conditional: &Conditional{IfField: "stat", IfMatch: Field{Eq: "counter"}, ThenField: "rate", ThenMatch: Field{Required: true}}}}}},
	)
	for in, want := range map[string]string{
		`{"key_names":["ok",5]}`:           "schema violation (config.key_names: {\n  [2] = \"expected a string\"\n})",
		`{"key_names":["bad name"]}`:       "schema violation (config.key_names: {\n  \"bad header name 'bad name', allowed characters are A-Z, a-z, 0-9, '_', and '-'\"\n})",
		`{"limits":{}}`:                    "schema violation (config.limits: length must be at least 1)",
		`{"limits":{"x":{"minute":0}}}`:    "schema violation (config.limits: {\n  minute = \"value must be greater than 0\"\n})",
		`{"limits":{"x":{}}}`:              "schema violation (config.limits: {\n  [\"@entity\"] = {\n    \"at least one of these fields must be non-empty: 'minute'\"\n  }\n})",
		`{"prefix":"{vault://env/p}"}`:     "schema violation (config.prefix: invalid value: {vault://env/p})",
		`{"secret":"{vault://env/p}"}`:     "",
		`{"secret":"A"}`:                   "schema violation (config.secret: invalid value: A)",
		`{"url":"x"}`:                      "schema violation (config.url: missing host in url)",
		`{"url":"http://a.test/x"}`:        "",
		`{"peer":"10.0.0.0/99"}`:           "schema violation (config.peer: invalid ip or cidr range: '10.0.0.0/99')",
		`{"own":"b"}`:                      "schema violation (config.own: only a)",
		`{"prefix":""}`:                    "schema violation (config.prefix: length must be at least 1)",
		`{"metrics":[{"tags":["bad:"]}]}`:  "schema violation (config.metrics: {\n  {\n    tags = {\n      \"invalid value: bad:\"\n    }\n  }\n})",
		`{"metrics":[{"stat":"counter"}]}`: "schema violation (config.metrics: {\n  {\n    [\"@entity\"] = {\n      \"failed conditional validation given value of field 'stat'\"\n    },\n    rate = \"required field missing\"\n  }\n})",
		`null`:                             "schema violation (config: required field missing)",
		`"x"`:                              "schema violation (config: expected a record)",
		`{"a":1,"b":2}`:                    "2 schema violations (config.a: unknown field; config.b: unknown field)",
	} {
		_, err := process(s, in)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
}

func redisConfig() *Schema {
	s := plugin(
		Field{Name: "redis", Type: Record, Fields: []Field{{Name: "host", Type: String}, {Name: "port", Type: Integer, Default: 6379}}},
	)
	s.Fields[0].ShorthandFields = []Shorthand{
		{Field: Field{Name: "redis_host", Type: String, Deprecation: &Deprecation{RemovalInVersion: "4.0"}}, ReplacedWith: [][]string{{"redis", "host"}}},
		{Field: Field{Name: "redis_port", Type: Integer}, ReplacedWith: [][]string{{"redis", "port"}}},
	}
	return s
}

func TestShorthandsThatWereReplaced(t *testing.T) {
	s := redisConfig()
	rec, err := process(s, `{"redis_host":"old.test","redis_port":6390}`)
	if got, _ := json.Marshal(rec["config"]); err != nil || string(got) != `{"redis":{"host":"old.test","port":6390}}` {
		t.Errorf("%s %v", got, err)
	}
	shown := s.WithNulls(rec)["config"].(map[string]any)
	if shown["redis_host"] != "old.test" || shown["redis_port"] != 6390.0 {
		t.Errorf("not shown in the old form: %v", shown)
	}
	_, err = process(s, `{"redis_host":"a.test","redis":{"host":"b.test"}}`)
	want := "schema violation (redis_host: both deprecated and new field are used but their values mismatch: redis_host = a.test vs redis.host = b.test)"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	if d := s.Deprecated(map[string]any{"config": map[string]any{"redis_host": "x"}}); len(d) != 1 || !strings.Contains(d[0], "config.redis_host is deprecated, please use redis.host instead") {
		t.Errorf("%v", d)
	}
}

func TestUpdate(t *testing.T) {
	s := redisConfig()
	stored, _ := process(s, `{"redis_host":"old.test"}`)
	got, err := s.ProcessUpdate(map[string]any{"config": map[string]any{"redis_host": "new.test"}}, stored)
	if err != nil || got["config"].(map[string]any)["redis"].(map[string]any)["host"] != "new.test" || got["config"].(map[string]any)["redis"].(map[string]any)["port"] != 6379.0 {
		t.Errorf("%v %v", got, err)
	}
	if stored["config"].(map[string]any)["redis"].(map[string]any)["host"] != "old.test" {
		t.Error("the stored record was changed")
	}
	_, err = s.ProcessUpdate(map[string]any{"config": Null}, stored)
	if err == nil || err.Error() != "schema violation (config: required field missing)" {
		t.Error(err)
	}
}

func TestIndented(t *testing.T) {
	e := Errors{"services": []any{nil, Errors{"host": "required field missing", "tags": []any{"a", nil, "b"}, "@entity": []any{"x"}}}, "nope": "unknown field"}
	want := `in 'nope': unknown field
in 'services':
  - in entry 2 of 'services':
    in '@entity':
      - in entry 1 of '@entity': x
    in 'host': required field missing
    in 'tags':
      - in entry 1 of 'tags': a
      - in entry 3 of 'tags': b`
	if got := e.Indented(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNormalize(t *testing.T) {
	type named string
	got := Normalize(map[string]any{"a": 1, "b": []string{"x"}, "c": map[string]int{"d": 2}, "e": named("f"), "g": []any{int64(3)}, "h": Null})
	want := map[string]any{"a": 1.0, "b": []any{"x"}, "c": map[string]any{"d": 2.0}, "e": "f", "g": []any{3.0}, "h": Null}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%#v", got)
	}
}

func TestUUIDs(t *testing.T) {
	if got := UUIDv5(UUIDv5("fd02801f-0957-4a15-a55a-c8d9606f30b5", "services"), "s"); got != "b268827a-8f7f-551f-8769-e6bceb2f3ec6" {
		t.Error(got)
	}
	if id := NewUUID(); !IsUUID(id) || id[14] != '4' {
		t.Error(id)
	}
	if s := RandomString(); len(s) != 32 {
		t.Error(s)
	}
}
