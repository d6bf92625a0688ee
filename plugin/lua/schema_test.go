package lua

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"

	"github.com/gibbon-gateway/gibbon/plugin"
)

// processed runs a config through the plugin's schema and gives the config or the error's one-line text.
func processed(s *schema.Schema, config map[string]any) (map[string]any, string) {
	rec, err := s.Process(map[string]any{"config": config}, schema.Insert)
	if err != nil {
		return nil, err.Error()
	}
	return rec["config"].(map[string]any), ""
}

const richSchema = `local t = require "kong.db.schema.typedefs"
local secret = "closure"
return { name = "rich", fields = {
	{ consumer = t.no_consumer }, { protocols = t.protocols_http },
	{ config = { type = "record", fields = {
		{ host = t.host({ default = "localhost" }) },
		{ port = t.port({ required = true, default = 80 }) },
		{ mode = { type = "string", one_of = { "a", "b" } } },
		{ good = { type = "string", custom_validator = function(v) if v ~= secret then return nil, "not the " .. secret end return true end } },
		{ tree = { type = "map", keys = { type = "string" }, values = { type = "number" }, default = { x = 1 } } },
		{ list = { type = "array", elements = { type = "record", fields = { { n = { type = "integer", between = { 1, 5 } } } } } } },
		{ file = { type = "string" } }, { n = { type = "integer" } }, { m = { type = "integer" } },
		{ pat = { type = "string", match = "^%d+$", len_max = 3, match_none = { { pattern = "9", err = "no nines" } } } },
		{ off = { type = "boolean", default = false } },
	}, shorthand_fields = {
		{ address = { type = "string", func = function(v) local h, p = v:match("^(.-):(%d+)$") return { host = h, port = tonumber(p) } end } },
	} } } },
	entity_checks = {
		{ conditional = { if_field = "config.mode", if_match = { eq = "a" }, then_field = "config.file", then_match = { required = true } } },
		{ custom_entity_check = { field_sources = { "config.n", "config.m" }, run_with_missing_fields = true, fn = function(e)
			if e.config.n ~= ngx_null and type(e.config.n) == "number" and type(e.config.m) ~= "number" then return nil, { config = { m = "n needs m" } } end return true end } },
		{ custom_entity_check = { field_sources = { "config" }, fn = function(e)
			if e.config.mode == "b" and type(e.config.file) == "userdata" then return nil, "mode b needs a file" end return true end } },
	},
	transformations = { { input = { "config.file" }, on_write = function(file) return { config = { file = file:upper() } } end } },
}`

func TestSchemaOfLuaPlugin(t *testing.T) {
	s := newStage(t, Options{})
	s.file("kong/plugins/rich/handler.lua", prelude+"function P:access() end return P")
	s.file("kong/plugins/rich/schema.lua", richSchema)
	p, err := s.rt.Load("rich")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config map[string]any
		want   map[string]any
		err    string
	}{
		{"defaults", map[string]any{}, map[string]any{"host": "localhost", "port": 80.0, "tree": map[string]any{"x": 1.0}, "off": false}, ""},
		{"shorthand", map[string]any{"address": "db:7"}, map[string]any{"host": "db", "port": 7.0}, ""},
		{"validator", map[string]any{"good": "closure"}, map[string]any{"good": "closure"}, ""},
		{"validator refuses", map[string]any{"good": "x"}, nil, "good: not the closure"},
		{"typedef", map[string]any{"port": 70000.0}, nil, "value should be between 0 and 65535"},
		{"one_of", map[string]any{"mode": "c"}, nil, "expected one of: a, b"},
		{"elements", map[string]any{"list": []any{map[string]any{"n": 9.0}}}, nil, "between 1 and 5"},
		{"conditional", map[string]any{"mode": "a"}, nil, "failed conditional validation given value of field 'config.mode'"},
		{"entity check", map[string]any{"n": 1.0}, nil, "n needs m"},
		{"rule over the whole configuration", map[string]any{"mode": "b"}, nil, "mode b needs a file"},
		{"pattern", map[string]any{"pat": "19"}, nil, "no nines"},
		{"transformation", map[string]any{"file": "abc"}, map[string]any{"file": "ABC"}, ""},
		{"unknown", map[string]any{"colour": 1.0}, nil, "unknown field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, text := processed(p.Config, c.config)
			if c.err != "" || text != "" {
				if c.err == "" || !strings.Contains(text, c.err) {
					t.Errorf("error %q, want %q", text, c.err)
				}
				return
			}
			for k, v := range c.want {
				if !reflect.DeepEqual(got[k], v) {
					t.Errorf("%s = %#v, want %#v", k, got[k], v)
				}
			}
		})
	}
}

// Checks may change what they are shown: the change is what is stored, and
// defaults that configurations share stay as they are.
func TestChecksThatChangeValues(t *testing.T) {
	s := newStage(t, Options{})
	s.file("kong/plugins/seal/handler.lua", prelude+"return P")
	s.file("kong/plugins/seal/schema.lua", `return { name = "seal", fields = { { config = { type = "record", fields = {
			{ password = { type = "string" } }, { kind = { type = "string" } }, { old = { type = "string" } },
			{ names = { type = "array", elements = { type = "string" }, default = {} } },
			{ tags = { type = "map", keys = { type = "string" }, values = { type = "string" }, default = { a = "1" } } },
		}, custom_validator = function(c)
			if c.password and c.password:sub(1, 7) ~= "sealed:" then
				c.password, c.old, c.tags.b = "sealed:" .. c.password:reverse(), nil, "2"
			end
			return true
		end } } }, entity_checks = { { custom_entity_check = { field_sources = { "config" }, fn = function(e)
			if e.config.kind == "x" then e.config.kind = "y" end
			return true
		end } } } }`)
	p, err := s.rt.Load("seal")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ config, want map[string]any }{
		{map[string]any{"password": "abc", "old": "o", "kind": "x"}, map[string]any{"password": "sealed:cba", "kind": "y",
			"names": []any{}, "tags": map[string]any{"a": "1", "b": "2"}}},
		{map[string]any{"password": "sealed:cba"}, map[string]any{"password": "sealed:cba", "names": []any{}, "tags": map[string]any{"a": "1"}}},
	} {
		got, text := processed(p.Config, c.config)
		for k, v := range got {
			if v == nil || v == schema.Null {
				delete(got, k)
			}
		}
		if text != "" || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v %s, want %v", c.config, got, text, c.want)
		}
	}
}

// A module may read settings and dictionaries while it loads, before there is a gateway.
func TestSettingsWhileLoading(t *testing.T) {
	settings := map[string]any{"database": "off", "prefix": "/run/gw", "plugins": []string{"mine"}, "nginx_http_lua_shared_dict": "counts 1m"}
	s := newStage(t, Options{Settings: func(name string) any { return settings[name] }})
	s.rt.gw.Store(nil)
	s.file("kong/plugins/mine/handler.lua", `
		local file = kong.configuration.prefix .. "/mine.db"
		assert(kong.configuration.database == "off" and file == "/run/gw/mine.db" and ngx.config.prefix() == "/run/gw/")
		assert(kong.configuration.loaded_plugins.mine and not kong.configuration.loaded_plugins["key-auth"])
		assert(ngx.shared.counts:incr("loads", 1, 0) >= 1 and ngx.shared.other == nil)
		return { PRIORITY = 1, VERSION = "0.1" }`)
	s.file("kong/plugins/mine/schema.lua", plainSchema)
	p, err := s.rt.Load("mine")
	if err != nil || p.Version != "0.1" {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestWhatCannotBeLoaded(t *testing.T) {
	s := newStage(t, Options{})
	const schemaOK = plainSchema
	for _, c := range []struct{ name, handler, schema, want string }{
		{"none", "", "", "none plugin is enabled but not installed"},
		{"priority", `return { VERSION = "1.0.0" }`, schemaOK, `Plugin "priority" cannot be loaded because its PRIORITY field is not a valid integer number, got: "nil"`},
		{"fraction", `return { VERSION = "1.0.0", PRIORITY = 1.5 }`, schemaOK, `not a valid integer number, got: "1.5"`},
		{"version", `return { PRIORITY = 1 }`, schemaOK, `VERSION field does not follow the "x.y.z" format, got: "nil"`},
		{"version4", `return { PRIORITY = 1, VERSION = "1.0.0.1" }`, schemaOK, `got: "1.0.0.1"`},
		{"version1", `return { PRIORITY = 1, VERSION = "1" }`, schemaOK, `got: "1"`},
		{"response", `return { PRIORITY = 1, VERSION = "1.0.0", response = print, body_filter = print }`, schemaOK, "implements both `response` and `header_filter` or `body_filter` methods"},
		{"syntax", `local P = {`, schemaOK, "error loading module 'kong.plugins.syntax.handler':"},
		{"missing", `return require("kong.plugins.missing.gone")`, schemaOK, "module 'kong.plugins.missing.gone' not found"},
		{"noschema", prelude + "return P", "", "no configuration schema found for plugin: noschema"},
		{"badtype", prelude + "return P", `return { name = "x", fields = { { config = { type = "record", fields = { { a = { type = "text" } } } } } } }`,
			"fields.config.fields.a.type: expected one of: number, array"},
		{"unknown", prelude + "return P", `return { name = "x", fields = { { config = { type = "record", fields = { { b = { type = "string", colour = "red" } } } } } } }`,
			"fields.config.fields.b.colour: unknown field"},
		{"typedef", prelude + "return P", `return { name = "x", fields = { { a = require("kong.db.schema.typedefs").nothing } } }`, "there is no typedef 'nothing'"},
		{"where", "local P = {}\nP.PRIORITY = 'high'\nreturn P", schemaOK, `got: "high" (`},
		{"whereline", "local P = {}\nP.PRIORITY = 'high'\nreturn P", schemaOK, "kong/plugins/whereline/handler.lua:2)"},
		{"wherever", "local P = { PRIORITY = 1 }\nP.VERSION = 'one'\nreturn P", schemaOK, "kong/plugins/wherever/handler.lua:2)"},
		{"wherephase", "local P = { PRIORITY = 1, VERSION = '1.0.0', header_filter = print }\n\nfunction P:response() end\nreturn P", schemaOK, "kong/plugins/wherephase/handler.lua:3)"},
		{"number", "return 5", schemaOK, "kong/plugins/number/handler.lua: handler.lua must return a table, it returns a number"},
		{"nothing", "local P = {}", schemaOK, "handler.lua must return a table, it returns nothing"},
		{"noname", prelude + "return P", "return { fields = {} }", `kong/plugins/noname/schema.lua: the schema has no name: add name = "noname"`},
		{"wherefield", prelude + "return P", `return { name = "x", fields = { { a = { type = "text" } } } }`, "kong/plugins/wherefield/schema.lua: schema.lua: fields.a.type"},
		{"endless", `while true do end`, schemaOK, "time budget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := s
			if c.name == "endless" {
				st = newStage(t, Options{TimeBudget: 200 * 1e6})
			}
			if c.handler != "" {
				st.file("kong/plugins/"+c.name+"/handler.lua", c.handler)
			}
			if c.schema != "" {
				st.file("kong/plugins/"+c.name+"/schema.lua", c.schema)
			}
			_, err := st.rt.Load(c.name)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTypedefsAreTheSameInLuaAndGo(t *testing.T) {
	s := newStage(t, Options{})
	s.plugin("p", `local t = require "kong.db.schema.typedefs" local names = {}
		for name, def in pairs(t) do names[#names + 1] = name .. "=" .. def.type end P.names = names`)
	out, err := s.rt.control.eval(`return require("kong.plugins.p.handler").names`)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range listOf(first(out)) {
		name, kind, _ := strings.Cut(v.(string), "=")
		seen[name] = true
		if f, ok := typedefs[name]; !ok || string(f.Type) != kind {
			t.Errorf("typedef %s is a %q in Go, %q in Lua", name, f.Type, kind)
		}
	}
	for name := range typedefs {
		if !seen[name] {
			t.Errorf("typedefs.lua lacks %s", name)
		}
	}
}

func TestEntitiesOfDaos(t *testing.T) {
	s := newStage(t, Options{})
	s.file("kong/plugins/p/handler.lua", prelude+"return P")
	s.file("kong/plugins/p/schema.lua", plainSchema)
	s.file("kong/plugins/p/daos.lua", `local t = require "kong.db.schema.typedefs"
		return { { name = "notes", primary_key = { "id" }, endpoint_key = "name", cache_key = { "name" }, workspaceable = true, admin_api_name = "my-notes",
			fields = { { id = t.uuid }, { created_at = t.auto_timestamp_s }, { name = { type = "string", required = true, unique = true } },
				{ consumer = { type = "foreign", reference = "consumers", on_delete = "cascade" } } } } }`)
	p, err := s.rt.Load("p")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Entities) != 1 {
		t.Fatalf("%d entities", len(p.Entities))
	}
	e := p.Entities[0]
	if e.Name != "notes" || e.EndpointKey != "name" || !e.Workspaceable || e.AdminAPIName != "my-notes" || len(e.Fields) != 4 || !e.Fields[0].Auto ||
		e.Fields[3].Reference != "consumers" || e.Fields[3].OnDelete != "cascade" {
		t.Errorf("%+v", e)
	}
}

// TestEndpointsOfAPI: api.lua declares paths; what does not load is left out with a warning.
func TestEndpointsOfAPI(t *testing.T) {
	s := newStage(t, Options{})
	s.file("kong/plugins/p/handler.lua", prelude+"return P")
	s.file("kong/plugins/p/schema.lua", plainSchema)
	s.file("kong/plugins/p/daos.lua", `return { notes = { primary_key = { "id" }, fields = { { id = require("kong.db.schema.typedefs").uuid } } } }`)
	s.file("kong/plugins/p/migrations/init.lua", `error("never loaded without a database")`)
	s.file("kong/plugins/p/api.lua", `local schema, e = kong.db.notes.schema, require "kong.api.endpoints"
		return { ["/notes/:notes"] = { schema = schema, methods = { before = print, GET = e.get_entity_endpoint(schema), POST = e.disable } },
			["/hello"] = { GET = function() end, DELETE = function() end }, [1] = "ignored" }`)
	p, err := s.rt.Load("p")
	if err != nil {
		t.Fatal(err)
	}
	want := []plugin.Endpoint{{Path: "/hello", Methods: []string{"DELETE", "GET"}},
		{Path: "/notes/:notes", Methods: []string{"GET", "POST"}, Before: true, Entity: "notes"}}
	if !reflect.DeepEqual(p.Endpoints, want) {
		t.Errorf("%+v", p.Endpoints)
	}
	s.lines()
	s.file("kong/plugins/p/api.lua", `return { ["/x"] = { GET = "text" } }`)
	if p, err = s.rt.Load("p"); err != nil || p.Endpoints != nil {
		t.Errorf("%v, %v", p, err)
	}
	if got := s.lines(); !strings.Contains(got, "kong/plugins/p/api.lua: GET /x must be a function, it is a string") {
		t.Error(got)
	}
}

func TestLoadingAgainReadsTheFilesAnew(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("p", `P.PRIORITY = 1`)
	q := s.plugin("p", `P.PRIORITY = 2`)
	if p.Priority != 1 || q.Priority != 2 {
		t.Errorf("priorities %d, %d", p.Priority, q.Priority)
	}
}
