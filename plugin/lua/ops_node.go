package lua

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind kong.node, kong.nginx, kong.ip, kong.configuration,
// kong.log.serialize and ngx.worker.
func init() {
	RegisterOp("log.serialize", onRequest(func(c *Call, k *pdk.Kong) {
		entry, err := k.Log.Serialize()
		if err != nil {
			c.Fail(err.Error())
			return
		}
		if uri, ok := entry["upstream_uri"].(string); ok && uri == k.X.View(k.X.UpstreamURI) && uri != "" && k.X.Args.Len > 0 &&
			!strings.Contains(uri, "?") { // the query is added when the request is sent
			entry["upstream_uri"] = uri + "?" + k.X.View(k.X.Args)
		}
		c.Return(entry)
	}))
	RegisterOp("log.set_serialize_value", onRequest(func(c *Call, k *pdk.Kong) {
		settle(c, k.Log.SetSerializeValue(c.String(0), c.Value(1), c.String(2)))
	}))
	RegisterOp("ip.is_trusted", func(c *Call) {
		g := c.Gateway()
		c.Return(g != nil && g.Trusted != nil && g.Trusted(c.String(0)))
	})
	RegisterOp("node.identity", func(c *Call) {
		if g := c.Gateway(); g != nil {
			c.Return(g.NodeID, g.Hostname)
			return
		}
		c.Return(nil, nil)
	})
	RegisterOp("node.memory", memoryOfVMs)
	RegisterOp("nginx.statistics", statistics)
	RegisterOp("cluster.id", func(c *Call) { c.Return(nil) }) // no database: no cluster
	RegisterOp("telemetry.log", func(c *Call) { c.Return(false) })
	RegisterOp("worker.exiting", func(c *Call) { c.Return(c.run.vm.timers.over) })
	RegisterOp("workspace.default", func(c *Call) {
		if g := c.Gateway(); g != nil {
			c.Return(g.Workspace)
			return
		}
		c.Return(nil)
	})
	RegisterOp("configuration.get", func(c *Call) { // the value, and whether the settings are there already
		c.Return(setting(c, c.String(0)), settingsOf(c) != nil)
	})
	RegisterOp("configuration.limits", limits)
	RegisterOp("configuration.clean", clean)
}

// memoryOfVMs(): for each worker in order, its number and the bytes of its Lua
// heaps: of the VM for requests, and of that for L4 sessions (nil without one).
func memoryOfVMs(c *Call) {
	heaps := c.vm.rt.dog.memory()
	list := []any{}
	for id := range c.vm.rt.o.Workers {
		requests, ok := heaps[owner{id, worker.SlotLua}]
		if !ok {
			continue
		}
		entry := map[string]any{"http": float64(requests)}
		if sessions, ok := heaps[owner{id, worker.SlotLuaStream}]; ok {
			entry["stream"] = float64(sessions)
		}
		list = append(list, entry)
	}
	c.Return(list)
}

// Bundled are the plugins that the binary brings in Lua (lib/kong/plugins):
// Runtime.Load finds them.
var Bundled = []string{"post-function", "pre-function"}

// setting is a setting of kong.conf, or one that the reference derives.
func setting(c *Call, name string) any {
	read := settingsOf(c)
	if read == nil {
		return nil
	}
	v := read(name)
	if v == nil && name == "loaded_plugins" {
		return loadedPlugins(c, read)
	}
	return v
}

// loadedPlugins are the names in the setting plugins, "bundled" spelt out, and
// what the VM has loaded beside them.
func loadedPlugins(c *Call, read func(string) any) map[string]any {
	loaded := map[string]any{}
	names, set := read("plugins").([]string)
	if !set {
		names = []string{"bundled"}
	}
	for _, n := range names {
		switch n {
		case "off":
		case "bundled":
			for _, b := range plugin.BundledNames() {
				loaded[b] = true
			}
		default:
			loaded[n] = true
		}
	}
	for n := range c.vm.handlers {
		loaded[n] = true
	}
	return loaded
}

// settingsOf are the gateway's settings; while plugins are loaded, which is
// before there is a gateway, those of the runtime's options.
func settingsOf(c *Call) func(string) any {
	if g := c.Gateway(); g != nil {
		return g.Settings
	}
	return c.vm.rt.o.Settings
}

func limits(c *Call) {
	o := &c.vm.rt.o
	t := map[string]any{"lua_regex_match_limit": float64(o.RegexMatchLimit), "lua_regex_cache_max_entries": float64(o.RegexCacheEntries)}
	for _, n := range []string{"lua_max_req_headers", "lua_max_resp_headers", "lua_max_uri_args", "lua_max_post_args"} {
		if v, ok := setting(c, n).(float64); ok {
			t[n] = v
		}
	}
	if v, ok := setting(c, "nginx_http_lua_transform_underscores_in_response_headers").(string); ok {
		t["underscores_to_dashes"] = v != "off"
	}
	c.Return(t)
}

// secrets are the settings that remove_sensitive hides.
var secrets = []string{"pg_password", "pg_ro_password", "declarative_config_string", "proxy_server", "redis_password",
	"ssl_cert_key", "admin_ssl_cert_key", "client_ssl_cert_key", "cluster_cert_key"}

// clean(): the settings that plugins look at, with secrets hidden.
func clean(c *Call) {
	t := map[string]any{}
	for _, n := range []string{"database", "log_level", "prefix", "role", "pg_user", "pg_host", "pg_port", "pg_database",
		"nginx_worker_processes", "anonymous_reports", "real_ip_header", "proxy_listen", "admin_listen"} {
		if v := setting(c, n); v != nil {
			t[n] = v
		}
	}
	for _, n := range secrets {
		if v := setting(c, n); v != nil {
			t[n] = "******"
		}
	}
	c.Return(t)
}

// statistics(): the numbers of nginx's stub status
func statistics(c *Call) {
	var s pdk.Statistics
	if g := c.Gateway(); g != nil && g.Statistics != nil {
		s = g.Statistics()
	}
	c.Return(map[string]any{"connections_active": float64(s.Active), "connections_reading": float64(s.Reading),
		"connections_writing": float64(s.Writing), "connections_waiting": float64(s.Waiting), "connections_accepted": float64(s.Accepted),
		"connections_handled": float64(s.Handled), "total_requests": float64(s.Requests)})
}
