package plugintest

import "testing"

// TestVaultTry: secrets are asked for anew where a call fails, once.
func TestVaultTry(t *testing.T) {
	t.Setenv("PROBE_SECRET", "new")
	p := phases{"access": `local try, calls = kong.vault.try, 0
local function connect(o) calls = calls + 1 if o and o.password == "new" then return "connected" end return nil, "refused" end
show(try(connect), calls)
show(select(2, try(connect, {})), calls)
show(select(2, try(connect, { ["$refs"] = {} })), calls)
show(try(connect, { password = "new" }), calls)
local o = { password = "old", ["$refs"] = { password = "{vault://env/probe-secret}" } }
show(try(connect, o), o.password, calls)
show(select(2, try(connect, { password = "old", ["$refs"] = { password = "{vault://env/probe-none}" } })), calls)
show(pcall(try, function() error("thrown", 0) end, o))
local u = kong.vault.update({ a = { b = "old", ["$refs"] = { b = "{vault://env/probe-secret}" } }, list = { "x", "y" }, ["$refs"] = { list = { nil, "{vault://env/probe-secret}" } } })
show(u.a.b, u.list[1], u.list[2], fails(kong.vault.update))`}
	ask(t, p, nil).shows("nil 1", "refused 2", "refused 3", "connected 4", "connected new 6", "refused 8", "false thrown",
		"new x new options must be a table").logs("cannot automatically rotate secrets in absence of options")
}
