package lua

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// loadSchema loads a plugin whose config has these fields.
func loadSchema(t *testing.T, config, rest string) (*plugin.Plugin, error) {
	t.Helper()
	s := newStage(t, Options{})
	s.file("kong/plugins/probe/handler.lua", prelude+"return P")
	s.file("kong/plugins/probe/schema.lua", `local typedefs = require "kong.db.schema.typedefs"
return { name = "probe", fields = { { config = { type = "record", fields = { `+config+` } } } }`+rest+" }")
	return s.rt.Load("probe")
}

// TestSchemasThatAreRefused: the error says where in the schema what is wrong.
func TestSchemasThatAreRefused(t *testing.T) {
	for _, c := range []struct{ config, rest, want string }{
		{`{ a = { type = "text" } }`, "", "fields.config.fields.a.type: expected one of: number, array"},
		{`{ a = { } }`, "", "fields.config.fields.a.type: required field missing"},
		{`{ a = { type = "string", colour = "red" } }`, "", "fields.config.fields.a.colour: unknown field"},
		{`{ a = { type = "array" } }`, "", "a.elements: required field missing"},
		{`{ a = { type = "set" } }`, "", "a.elements: required field missing"},
		{`{ a = { type = "map", keys = { type = "string" } } }`, "", "a.values: required field missing"},
		{`{ a = { type = "foreign" } }`, "", "a.reference: required field missing"},
		{`{ a = { type = "boolean", len_min = 1 } }`, "", "field of type 'boolean' cannot have attribute 'len_min'"},
		{`{ a = { type = "number", match = "x" } }`, "", "field of type 'number' cannot have attribute 'match'"},
		{`{ a = { type = "string", between = { 1, 2 } } }`, "", "field of type 'string' cannot have attribute 'between'"},
		{`{ a = { type = "array", elements = { type = "nothing" } } }`, "", "a.elements.type: expected one of"},
		{`{ a = { type = "string", custom_validator = "x" } }`, "", "a.custom_validator: expected a function"},
		{`a = { type = "string" }`, "", "fields.config.fields: expected a list of fields"},
		{`{ a = "string" }`, "", "fields.config.fields.1.a: expected a table of attributes"},
		{`{ a = { type = "string", shorthands = { } } }`, "", "a.shorthands: unknown field"},
		{``, `, entity_checks = { { some_check = { "a" } } }`, "entity_checks.1.some_check: unknown field"},
		{``, `, entity_checks = { { custom_entity_check = { field_sources = { "a" } } } }`, "custom_entity_check.fn: expected a function"},
		{``, `, transformations = { { input = { "config.a" } } }`, "transformations.1: expected a function on_write or on_read"},
		{`{ a = { type = "json", json_schema = { inline = { type = 5 } } } }`, "", "a.json_schema.inline"},
		{`{ a = { type = "json", json_schema = { inline = { ["$ref"] = "file:///etc/passwd" } } } }`, "", "may only refer to itself"},
	} {
		_, err := loadSchema(t, c.config, c.rest)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "on plugin 'probe'") {
			t.Errorf("%s%s: error %v, want %q", c.config, c.rest, err, c.want)
		}
	}
}

// TestSchemasOfPlugins: forms that public plugins write their schemas in, a configuration that they take or refuse.
func TestSchemasOfPlugins(t *testing.T) {
	type conf = map[string]any
	for _, c := range []struct {
		name, fields string
		in, out      conf
		err          string
	}{
		{"typedefs called, with defaults and rules of their own", `{ url = typedefs.url({ required = true }) }, { port = typedefs.port { default = 6379 } }, { headers = { type = "map", keys = typedefs.header_name, values = { type = "string" } } }`,
			conf{"url": "http://a.test/x", "headers": conf{"X-A": "1"}}, conf{"url": "http://a.test/x", "port": 6379.0, "headers": conf{"X-A": "1"}}, ""},
		{"a typedef's own check", `{ url = typedefs.url { required = true } }`, conf{"url": "no url"}, nil, "missing host in url"},
		{"sets with defaults", `{ methods = { type = "set", elements = typedefs.http_method, default = { "GET" } } }, { codes = { type = "set", elements = { type = "integer", between = { 100, 599 } }, required = true, default = {} } }`,
			conf{}, conf{"methods": []any{"GET"}, "codes": []any{}}, ""},
		{"records that are not required", `{ r = { type = "record", required = false, fields = { { inner = { type = "string", required = true } } } } }`, conf{}, conf{}, ""},
		{"records of records with defaults", `{ a = { type = "record", fields = { { b = { type = "record", fields = { { c = { type = "boolean", default = true } } } } } } } }`,
			conf{}, conf{"a": conf{"b": conf{"c": true}}}, ""},
		{"a custom_validator on a record", `{ r = { type = "record", fields = { { from = { type = "number" } }, { to = { type = "number" } } }, custom_validator = function(r) if r.from > r.to then return nil, "from is above to" end return true end } }`,
			conf{"r": conf{"from": 2.0, "to": 1.0}}, nil, "from is above to"},
		{"functions see null where there is no value", `{ r = { type = "record", fields = { { a = { type = "string" } }, { b = { type = "array", elements = { type = "record", fields = { { n = { type = "number" } } } } } } },
			custom_validator = function(r) return nil, table.concat({ type(r.a), tostring(r.a == ngx.null), type(r.b[1].n), type(r.b[1].none) }, " ") end } }`,
			conf{"r": conf{"b": []any{conf{}}}}, nil, "userdata true userdata nil"},
		{"what they change is stored, without those nulls", `{ r = { type = "record", fields = { { a = { type = "string" } }, { b = { type = "string" } }, { l = { type = "array", elements = { type = "record", fields = { { n = { type = "number" } }, { m = { type = "number" } } } } } } },
			custom_validator = function(r) r.a, r.b, r.l[1].n = "new", nil, 2 return true end } }`, conf{"r": conf{"b": "x", "l": []any{conf{"n": 1.0}}}}, conf{"r": conf{"a": "new", "l": []any{conf{"n": 2.0}}}}, ""},
		{"so do rules of a record", `{ r = { type = "record", fields = { { a = { type = "string" } }, { s = { type = "record", fields = { { x = { type = "string" } }, { y = { type = "number", default = 4 } } } } } },
			entity_checks = { { custom_entity_check = { field_sources = { "a", "s" }, fn = function(r) return nil, type(r.a) .. " " .. type(r.s.x) .. " " .. r.s.y end } } } } }`,
			conf{"r": conf{"a": "given"}}, nil, "string userdata 4"},
		{"a custom_validator that gives false without a text", `{ s = { type = "string", custom_validator = function() return false end } }`, conf{"s": "x"}, nil, "s: invalid value: x"},
		{"entity_checks within a record", `{ r = { type = "record", fields = { { a = { type = "string" } }, { b = { type = "string" } } }, entity_checks = { { at_least_one_of = { "a", "b" } } } } }`,
			conf{"r": conf{}}, nil, "at least one of these fields must be non-empty: 'a', 'b'"},
		{"one_of of numbers", `{ n = { type = "number", one_of = { 301, 302 }, default = 301 } }`, conf{"n": 303.0}, nil, "n: expected one of: 301, 302"},
		{"maps of arrays", `{ m = { type = "map", keys = { type = "string", len_min = 2 }, values = { type = "array", elements = { type = "string" } } } }`,
			conf{"m": conf{"ab": []any{"x"}}}, conf{"m": conf{"ab": []any{"x"}}}, ""},
		{"secrets", `{ s = { type = "string", encrypted = true, referenceable = true, len_min = 20 } }`, conf{"s": "{vault://env/x}"}, conf{"s": "{vault://env/x}"}, ""},
		{"JSON by an inline schema", `{ j = { type = "json", json_schema = { inline = { type = "object", required = { "a" }, properties = { a = { type = "number" } } } } } }`,
			conf{"j": conf{"a": "text"}}, nil, "got string, want number"},
		{"JSON that fits", `{ j = { type = "json", json_schema = { inline = { type = "array" } } } }`, conf{"j": []any{1.0}}, conf{"j": []any{1.0}}, ""},
		{"abstract and foreign attributes are data", `{ f = { type = "foreign", reference = "services", on_delete = "cascade", required = false } }`, conf{}, conf{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := loadSchema(t, c.fields, "")
			if err != nil {
				t.Fatal(err)
			}
			got, text := processed(p.Config, c.in)
			if c.err != "" {
				if !strings.Contains(text, c.err) {
					t.Errorf("error %q, want %q", text, c.err)
				}
				return
			}
			if text != "" || !reflect.DeepEqual(got, c.out) {
				t.Errorf("%v %s, want %v", got, text, c.out)
			}
		})
	}
}

// TestTransformationOnRead changes what handlers see, not what is stored.
func TestTransformationOnRead(t *testing.T) {
	p, err := loadSchema(t, `{ code = { type = "string" } }`,
		`, transformations = { { input = { "config.code" }, on_write = function(c) return { config = { code = c .. "!" } } end, on_read = function(c) return { config = { code = c:sub(1, -2):upper() } } end } }`)
	if err != nil {
		t.Fatal(err)
	}
	stored, text := processed(p.Config, map[string]any{"code": "abc"})
	if text != "" || stored["code"] != "abc!" {
		t.Fatalf("stored %v %s", stored, text)
	}
	if got := shown(p, stored); got["code"] != "ABC" || stored["code"] != "abc!" {
		t.Errorf("shown %v, stored %v", got, stored)
	}
	b := &plugin.Bound{Plugin: p, Entity: &entity.Plugin{Config: stored}}
	if !strings.Contains(string(confTable(b)), "ABC") {
		t.Error("the handler's table has the stored value")
	}
}
