package plugintest

import (
	"strings"
	"testing"
)

// notes is a plugin with entities of its own, a DAO module and api.lua.
func notes(t *testing.T, p phases) *Gateway {
	t.Helper()
	path := luaPlugin(t, "probe", map[string]string{
		"handler.lua": p.handler(),
		"daos.lua": `local typedefs = require "kong.db.schema.typedefs"
return {
  { name = "notes", primary_key = { "id" }, endpoint_key = "title", cache_key = { "title" }, dao = "kong.plugins.probe.dao",
    fields = { { id = typedefs.uuid }, { title = { type = "string", required = true, unique = true } }, { pages = { type = "integer", default = 3, between = { 1, 10 } } },
      { consumer = { type = "foreign", reference = "consumers", on_delete = "cascade" } } } },
  { name = "pairs_of_notes", primary_key = { "a", "b" }, generate_admin_api = false,
    fields = { { a = { type = "string", required = true } }, { b = { type = "integer", required = true } }, { v = { type = "string" } } } },
}`,
		"dao.lua": `local notes = {}
function notes:titles()
  local t = {}
  for n in self:each() do t[#t + 1] = n.title end
  table.sort(t)
  return table.concat(t, ",")
end
function notes:insert(entity, options)
  if entity.title == "forbidden" then
    local err_t = self.errors:schema_violation({ title = "not this one" })
    return nil, tostring(err_t), err_t
  end
  return self.super.insert(self, entity, options)
end
return notes`,
		"api.lua": `local endpoints = require "kong.api.endpoints"
local schema, consumers = kong.db.notes.schema, kong.db.consumers.schema
return {
  ["/notes/:notes"] = { schema = schema, methods = { before = function() end, GET = endpoints.get_entity_endpoint(schema) } },
  ["/consumers/:consumers/notes"] = { schema = schema, methods = { GET = endpoints.get_collection_endpoint(schema, consumers, "consumer") } },
  ["/notes-by-hand"] = { GET = function() end, DELETE = function() end },
}`,
	})
	g, err := New(Options{Document: document + `probe
consumers:
- username: ann
  id: 5a1f6d6e-7a6b-4a57-8a2b-9b1b2c3d4e5f
  notes: [{title: one, id: 11111111-1111-4111-8111-111111111111}, {title: two}]
notes: [{title: three}]
pairs_of_notes: [{a: x, b: 1, v: first}, {a: x, b: 2, v: second}]
`, Plugins: []string{"probe"}, LuaPath: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestEntitiesOfPlugins(t *testing.T) {
	g := notes(t, phases{"access": `local n, p = kong.db.notes, kong.db.pairs_of_notes
local ann = { id = "5a1f6d6e-7a6b-4a57-8a2b-9b1b2c3d4e5f" }
show(n:titles(), n:select_by_title("two").pages, #n:page_for_consumer(ann), n:select({ id = "11111111-1111-4111-8111-111111111111" }).title)
local row = n:select_by_title("three", { nulls = true })
show(row.consumer == ngx.null, n:select_by_title("three").consumer, n.select_by_pages, n.page_for_title)
show(p:select({ a = "x", b = 2 }).v, p:select({ a = "x", b = 3 }))
show((select(2, p:select({ a = "x" }))))
show(n.schema.fields.pages.default, n.schema.name, n.schema.endpoint_key, n.schema.cache_key[1])
show(fails(n.select, n, ann, 5), fails(n.page, n, 10, nil, "x"), fails(n.insert, n, "x"))`})
	asked(t, g, nil).shows("one,three,two 3 2 one", "true nil nil nil", "second nil",
		`[off] invalid primary key: '{b="missing primary key"}'`, "3 notes title title",
		"options must be a table when specified options must be a table when specified entity must be a table")
}

func TestWritesWithoutDatabase(t *testing.T) {
	g := notes(t, phases{"access": `local n = kong.db.notes
local function say(row, err, err_t) show(row, err, err_t and err_t.code, err_t and err_t.name) end
local id = "11111111-1111-4111-8111-111111111111"
say(n:insert({ title = "new" }))
say(n:insert({ title = "new", pages = 11 }))
say(n:insert({ title = "forbidden" }))
say(n:update({ id = id }, { pages = 5 }))
say(n:update({ id = id }, { pages = 0 }))
say(n:update_by_title("one", { pages = 5 }))
say(n:upsert({ id = id }, { title = "one" }))
say(n:upsert_by_title("four", { pages = 5 }))
say(n:delete({ id = id }))
say(n:delete_by_title("one"))
say(n:delete_by_title("nowhere"))
say(n:delete({ id = "x" }))`})
	off := func(verb, by string) string {
		return "nil [off] cannot " + verb + " 'notes' entities" + by + " when not using a database 12 operation unsupported"
	}
	asked(t, g, nil).shows(off("create", ""),
		"nil [off] schema violation (pages: value should be between 1 and 10) 2 schema violation",
		"nil [off] schema violation (title: not this one) 2 schema violation",
		off("update", ""),
		"nil [off] schema violation (pages: value should be between 1 and 10) 2 schema violation",
		off("update", " by 'title'"), off("create or update", ""), off("create or update", " by 'title'"),
		off("remove", ""), off("remove", " by 'title'"), "true nil nil nil",
		`nil [off] invalid primary key: '{id="expected a valid UUID"}' 1 invalid primary key`)
}

// TestEndpointFunctions calls what api.lua is made of as the Admin API will: self, kong.db.
func TestEndpointFunctions(t *testing.T) {
	for _, c := range []struct {
		call, body string
		status     int
	}{
		{`e.get_entity_endpoint(s)({ params = { notes = "one" } }, kong.db)`, `"title":"one"`, 200},
		{`e.get_entity_endpoint(s)({ params = { notes = "none" } }, kong.db)`, `{"message":"Not found"}`, 404},
		{`e.get_entity_endpoint(s, c, "consumer")({ params = { notes = "three", consumers = "ann" } }, kong.db)`, `{"message":"Not found"}`, 404},
		{`e.get_collection_endpoint(s, c, "consumer")({ params = { consumers = "ann" }, args = { uri = { size = "1" } } }, kong.db)`, `"next":"\/?`, 200},
		{`e.get_collection_endpoint(s)({ params = {}, args = { uri = { size = "none" } } }, kong.db)`, `"name":"invalid size"`, 400},
		{`e.post_collection_endpoint(s)({ params = {}, args = { post = { title = "x" } } }, kong.db)`, `cannot create 'notes' entities`, 405},
		{`e.post_collection_endpoint(s)({ params = {}, args = { post = { pages = 50, title = "x" } } }, kong.db)`, `"fields":{"pages":"value should be between 1 and 10"}`, 400},
		{`e.patch_entity_endpoint(s)({ params = { notes = "one" }, args = { post = { pages = 4 } } }, kong.db)`, `cannot update 'notes' entities by 'title'`, 405},
		{`e.delete_entity_endpoint(s)({ params = { notes = "none" } }, kong.db)`, ``, 204},
		{`crud.paginated_set({ params = { title = "two" } }, kong.db.notes)`, `"total":1`, 200},
		{`crud.find_consumer_by_username_or_id(self, kong.singletons and kong.db or kong.db) kong.response.exit(200, self.consumer.username)`, `ann`, 200},
	} {
		g := notes(t, phases{"access": `local e, crud = require "kong.api.endpoints", require "kong.api.crud_helpers"
local s, c, self = kong.db.notes.schema, kong.db.consumers.schema, { params = { username_or_id = "ann" } }
` + c.call})
		x := asked(t, g, nil)
		if x.Response == nil || x.Response.Status != c.status || !strings.Contains(x.Response.Body, c.body) {
			t.Errorf("%s: answered %+v, want %d %s; log %v", c.call, x.Response, c.status, c.body, x.Log)
		}
	}
}
