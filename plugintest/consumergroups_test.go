package plugintest

import (
	"strings"
	"testing"
)

// groupsDocument has the consumer ann in the groups silver and gold, and a
// configuration of the plugin conf for each place in the precedence.
const groupsDocument = `
_format_version: "3.0"
consumer_groups:
- name: gold
- name: silver
  plugins:
  - {name: conf, config: {tag: silver}}
- {name: bronze, id: 33333333-3333-4333-8333-333333333333}
consumers:
- username: ann
  groups: [{name: silver}, {name: gold}]
- username: bob
services:
- name: up
  url: http://service.test
  routes:
  - name: r
    paths: ["/"]
plugins:
- name: probe
- {name: conf, config: {tag: everybody}}
- {name: conf, consumer_group: bronze, config: {tag: bronze}}
`

// TestConsumerGroups authenticates consumers in one plugin and looks which
// configuration of the next one is chosen.
func TestConsumerGroups(t *testing.T) {
	names := `local function names(list) local out = {} for i, g in ipairs(list or {}) do out[i] = g.name end return table.concat(out, ",") end `
	for _, c := range []struct{ name, access, log, tag string }{
		{"nobody", "", "", "everybody"},
		{"no member", "kong.client.authenticate(kong.db.consumers:select_by_username('bob'))", "", "everybody"},
		{"member", "kong.client.authenticate(kong.db.consumers:select_by_username('ann'))", "gold,silver", "silver"},
		{"group without the consumer", "kong.client.authenticate_consumer_group_by_consumer_id(kong.db.consumers:select_by_username('ann').id)", "gold,silver", "silver"},
		{"group set", "kong.client.set_authenticated_consumer_group(kong.db.consumer_groups:select_by_name('bronze'))", "bronze", "bronze"},
		{"groups set", "local g = kong.db.consumer_groups kong.client.set_authenticated_consumer_groups({ g:select_by_name('silver'), g:select_by_name('bronze') })",
			"bronze,silver", "bronze"},
		{"groups unset", "kong.client.authenticate(kong.db.consumers:select_by_username('ann')) kong.client.set_authenticated_consumer_groups(nil)", "", "everybody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := phases{"access": c.access, "log": names + "show(names(kong.client.get_consumer_groups()), (kong.client.get_consumer_group() or {}).name)"}
			first := "nil"
			if c.log != "" {
				first, _, _ = strings.Cut(c.log, ",")
			}
			groupsGateway(t, p).shows(c.log+" "+first).header("X-Tag", c.tag)
		})
	}
	p := phases{"access": "local c = kong.client show(fails(c.authenticate_consumer_group_by_consumer_id, 5), fails(c.set_authenticated_consumer_group, 5), fails(c.set_authenticated_consumer_groups, 5))"}
	groupsGateway(t, p).logs("consumer_id must be a string", "group must be a table or nil", "groups must be a table or nil")
}

func groupsGateway(t *testing.T, p phases) told {
	t.Helper()
	path := luaPlugin(t, "probe", map[string]string{"handler.lua": p.handler()})
	more := luaPlugin(t, "conf", map[string]string{
		"handler.lua": `local P = { PRIORITY = 5, VERSION = "1.0.0" }
function P:header_filter(conf) kong.response.set_header("X-Tag", conf.tag) end
return P`,
		"schema.lua": `return { name = "conf", fields = { { config = { type = "record", fields = { { tag = { type = "string" } } } } } } }`,
	})
	g, err := New(Options{Document: groupsDocument, Plugins: []string{"probe", "conf"}, LuaPath: path + ";" + more})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return asked(t, g, nil)
}
