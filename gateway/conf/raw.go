package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// masked stands for a secret in Clean.
const masked = "******"

// Raw is a setting as kong.configuration shows it to plugins: a string, a
// float64, a bool, a []string, and for names that are made of settings
// (proxy_listeners, host_ports, enabled_headers, nginx_pid, …) also
// map[int]int, map[string]bool, []map[string]any. It is nil for a setting
// without a value and for unknown names. loaded_plugins is not here: see Plugins.Names.
func (c *Config) Raw(name string) any {
	if v, ok := c.made(name); ok {
		return v
	}
	v, ok := c.values[name]
	s, known := Lookup(name)
	if !ok || !known || s.Tier == Enterprise {
		return nil
	}
	if s.Type == Array {
		if v.Unset {
			return []string{}
		}
		l := list(v.Text)
		if name == "headers" || name == "headers_upstream" {
			for i := range l {
				l[i] = strings.ToLower(l[i])
			}
		}
		return l
	}
	if v.Unset {
		return nil
	}
	switch s.Type {
	case Number:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return f
		}
		return nil
	case Boolean:
		on, _ := onOff(v.Text)
		return on
	case Switch:
		if on, _ := onOff(v.Text); on {
			return "on"
		}
		return "off"
	}
	if name == "prefix" {
		return c.Prefix
	}
	return v.Text
}

// listenerNames maps the names of parsed listeners to their settings' lists.
func (c *Config) listenersNamed(name string) ([]Address, bool) {
	switch name {
	case "proxy":
		return c.Listen.Proxy, true
	case "stream", "stream_proxy":
		return c.Listen.Stream, true
	case "admin":
		return c.Listen.Admin, true
	case "status":
		return c.Listen.Status, true
	case "cluster":
		return c.Listen.Cluster, true
	case "admin_gui":
		return c.Listen.Manager, true
	}
	return nil, false
}

// made is the value of a name that is made of settings.
func (c *Config) made(name string) (any, bool) {
	if of, ok := strings.CutSuffix(name, "_listeners"); ok {
		if l, ok := c.listenersNamed(of); ok {
			return listenersRaw(l), true
		}
	}
	if of, ok := strings.CutSuffix(name, "_ssl_enabled"); ok {
		if l, ok := c.listenersNamed(of); ok {
			on := false
			for _, a := range l {
				on = on || a.TLS
			}
			return on, true
		}
	}
	if of, ok := strings.CutSuffix(name, "_directives"); ok && strings.HasPrefix(of, "nginx_") {
		var out []map[string]any
		for _, in := range c.inject[strings.TrimPrefix(of, "nginx_")] {
			out = append(out, map[string]any{"name": in.Name, "value": in.Value})
		}
		return out, true
	}
	switch name {
	case "host_ports":
		return c.Listen.PortMaps, true
	case "enabled_headers":
		return c.Headers.names(), true
	case "enabled_headers_upstream":
		return map[string]bool{"X-Kong-Request-Id": c.Headers.UpstreamRequestID}, true
	case "nginx_pid":
		return c.PIDFile(), true
	case "kong_env":
		return c.EnvFile(), true
	case "nginx_err_logs":
		return filepath.Join(c.Prefix, "logs", "error.log"), true
	case "nginx_acc_logs":
		return filepath.Join(c.Prefix, "logs", "access.log"), true
	}
	return nil, false
}

func (h Headers) names() map[string]bool {
	return map[string]bool{
		"server_tokens": h.Server && h.Via, "latency_tokens": h.ProxyLatency && h.UpstreamLatency && h.ResponseLatency && h.AdminLatency,
		"Server": h.Server, "Via": h.Via, "X-Kong-Proxy-Latency": h.ProxyLatency, "X-Kong-Upstream-Latency": h.UpstreamLatency,
		"X-Kong-Response-Latency": h.ResponseLatency, "X-Kong-Admin-Latency": h.AdminLatency,
		"X-Kong-Upstream-Status": h.UpstreamStatus, "X-Kong-Request-Id": h.RequestID,
	}
}

// listenersRaw are listeners as plugins see them.
func listenersRaw(list []Address) []map[string]any {
	out := make([]map[string]any, 0, len(list))
	for _, a := range list {
		m := map[string]any{"listener": a.Text, "ip": a.Host, "port": float64(a.Port), "ssl": a.TLS, "http2": a.HTTP2,
			"proxy_protocol": a.ProxyProtocol, "deferred": a.Deferred, "bind": a.Bind, "reuseport": a.ReusePort, "udp": a.Network == "udp"}
		if a.Network == "unix" {
			m["ip"] = "unix:" + a.Host
		}
		if a.Backlog > 0 {
			m["backlog"] = "backlog=" + strconv.Itoa(a.Backlog)
		}
		if a.IPv6Only != nil {
			m["ipv6only"] = "ipv6only=" + map[bool]string{true: "on", false: "off"}[*a.IPv6Only]
		}
		out = append(out, m)
	}
	return out
}

// Names lists the settings that have a row or were set through a prefix, sorted.
func (c *Config) Names() []string {
	names := make([]string, 0, len(c.values))
	for n := range c.values {
		if s, ok := Lookup(n); ok && s.Tier == Open {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}

// All is every setting by name as Raw gives it; settings without a value are left out.
func (c *Config) All() map[string]any {
	out := make(map[string]any, len(c.values))
	for _, n := range c.Names() {
		if v := c.Raw(n); v != nil {
			out[n] = v
		}
	}
	for _, n := range []string{"proxy_listeners", "stream_listeners", "admin_listeners", "status_listeners", "cluster_listeners", "admin_gui_listeners",
		"proxy_ssl_enabled", "stream_proxy_ssl_enabled", "admin_ssl_enabled", "status_ssl_enabled", "admin_gui_ssl_enabled",
		"host_ports", "enabled_headers", "enabled_headers_upstream", "nginx_pid", "kong_env", "nginx_err_logs", "nginx_acc_logs"} {
		out[n] = c.Raw(n)
	}
	for _, block := range injectBlocks {
		out["nginx_"+block+"_directives"] = c.Raw("nginx_" + block + "_directives")
	}
	return out
}

// Clean is All with secrets replaced by ******; what the Admin API and logs may show.
func (c *Config) Clean() map[string]any {
	out := c.All()
	for n := range out {
		v := c.values[n]
		if s, ok := Lookup(n); ok && (s.Secret || v.Reference != "") && !v.Unset {
			out[n] = masked
		}
	}
	return out
}

// Names expands the list of enabled plugins: "bundled" becomes the bundled ones. Order is kept, repetitions are dropped.
func (p Plugins) Names(bundled []string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(names ...string) {
		for _, n := range names {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	for _, n := range p.Enabled {
		if n == "bundled" {
			add(bundled...)
		} else {
			add(n)
		}
	}
	return out
}

// PIDFile is where a running gateway's process id stands; the reference's place, so that tools find it.
func (c *Config) PIDFile() string { return filepath.Join(c.Prefix, "pids", "nginx.pid") }

// SpoolDir is where bodies wait that are too long for memory; named as nginx's
// folder for request bodies, since Path names can be seen by plugins.
func (c *Config) SpoolDir() string { return filepath.Join(c.Prefix, "client_body_temp") }

// EnvFile is the copy of the settings that a gateway was started with; stop,
// quit, health and reload read it.
func (c *Config) EnvFile() string { return filepath.Join(c.Prefix, ".kong_env") }

// WriteEnv writes EnvFile: every setting that differs from its default, in the
// syntax of settings files, read back with Request.Written. References stay references. The file is the owner's alone,
// since passwords may be in it.
func (c *Config) WriteEnv() error {
	var b strings.Builder
	b.WriteString("# Written by gibbon; the settings of the gateway in this folder.\n")
	for _, n := range c.Names() {
		v := c.values[n]
		if s, _ := Lookup(n); v.Source == FromDefault || n == "prefix" || s.AliasOf != "" {
			continue
		}
		text := v.Text
		if v.Reference != "" {
			text = v.Reference
		}
		// kong.conf has no way to write a line break, which certificates given as text have.
		if strings.ContainsAny(text, "\n\r") {
			text = strconv.Quote(text)
		}
		fmt.Fprintf(&b, "%s = %s\n", n, strings.ReplaceAll(text, "#", `\#`))
	}
	fmt.Fprintf(&b, "prefix = %s\n", strings.ReplaceAll(c.Prefix, "#", `\#`))
	temporary := c.EnvFile() + ".new"
	if err := os.WriteFile(temporary, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, c.EnvFile())
}
