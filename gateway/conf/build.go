package conf

import (
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/observe/log"
)

// build makes the typed Config of checked values.
func (b *builder) build() {
	b.c.values = b.values
	b.node()
	b.injected()
	b.plugins()
	b.listeners()
	b.logs()
	b.tls()
	b.client()
	b.upstream()
	b.datastore()
	b.dns()
	b.lua()
	b.answers()
	b.hybrid()
	b.directives()
}

// path makes a path absolute: relative ones begin at the prefix.
func (b *builder) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(b.c.Prefix, p)
}

// seconds is a number of seconds as a duration.
func (b *builder) seconds(name string) time.Duration { return b.duration(name, time.Second) }

// duration is a number of some unit as a duration; it refuses what no clock can hold.
func (b *builder) duration(name string, unit time.Duration) time.Duration {
	v := b.number(name)
	if v < 0 || v > 1e9 {
		b.fail("%s must be a time between 0 and 1000000000, got '%s'", name, b.text(name))
		return 0
	}
	return time.Duration(v * float64(unit))
}

func (b *builder) node() {
	c := b.c
	b.prefix()
	c.NodeID = b.text("node_id")
	if c.NodeID != "" && !isUUID(c.NodeID) {
		b.fail("node_id must be a UUID, got '%s'", c.NodeID)
	}
	c.Role = b.text("role")
	c.Daemon = b.on("nginx_main_daemon")
	c.DedicatedConfigProcessing = b.on("dedicated_config_processing")
	c.AnonymousReports = b.on("anonymous_reports")
	c.Workers = b.auto("nginx_main_worker_processes", 1024)
	c.WorkerConnections = b.auto("nginx_events_worker_connections", 1<<24)
	c.OpenFiles = b.auto("nginx_main_worker_rlimit_nofile", 1<<24)
	c.Limits.MemCacheSize = b.size("mem_cache_size")
	if c.Limits.BodyMemory = b.size("body_memory_limit"); c.Limits.BodyMemory < minBodyMemory {
		b.fail("body_memory_limit: %q is less than 1m", b.text("body_memory_limit"))
	}
	c.Limits.BufferedResponse = b.size("buffered_response_limit")
	c.Router = Router{
		Flavor:               b.text("router_flavor"),
		Strict:               b.text("worker_consistency") == "strict",
		StateUpdateFrequency: b.seconds("worker_state_update_frequency"),
	}
	if c.Router.StateUpdateFrequency == 0 {
		b.fail("worker_state_update_frequency must be greater than 0")
	}
	b.tracing()
}

// traced are the words of tracing_instrumentations.
var traced = []string{"off", "all", "request", "db_query", "dns_query", "router", "http_client", "balancer", "plugin_rewrite", "plugin_access", "plugin_header_filter"}

func (b *builder) tracing() {
	t := &b.c.Tracing
	*t = Tracing{Instrumentations: b.listOrOff("tracing_instrumentations"), SamplingRate: b.number("tracing_sampling_rate")}
	for _, w := range t.Instrumentations {
		switch {
		case !contains(traced, w):
			b.fail("tracing_instrumentations: invalid entry '%s', expected a list of %s", w, strings.Join(traced, ", "))
		case w == "off":
			b.fail("tracing_instrumentations: off and other entries exclude each other")
		}
	}
	if r := t.SamplingRate; !(r >= 0 && r <= 1) {
		b.fail("tracing_sampling_rate must be a number between 0 and 1, got '%s'", b.text("tracing_sampling_rate"))
	}
}

func (b *builder) prefix() {
	prefix := b.text("prefix")
	if prefix == "" {
		b.fail("prefix must name a folder")
	}
	b.c.Prefix, _ = filepath.Abs(prefix)
}

// auto reads a count that may be auto, which is 0 here.
func (b *builder) auto(name string, high int) int {
	t := b.text(name)
	if t == "auto" || t == "" {
		return 0
	}
	n, err := strconv.Atoi(t)
	if err != nil || n < 1 || n > high {
		b.fail("%s must be auto or a number between 1 and %d, got '%s'", name, high, t)
	}
	return n
}

// listOrOff is a list in which "off" alone means none.
func (b *builder) listOrOff(name string) []string {
	l := b.list(name)
	if len(l) == 1 && l[0] == "off" {
		return nil
	}
	return l
}

func (b *builder) plugins() {
	p := &b.c.Plugins
	p.Enabled = b.listOrOff("plugins")
	p.Vaults = b.listOrOff("vaults")
	p.VaultEnvPrefix = b.text("vault_env_prefix")
	p.Wasm = b.on("wasm")
	p.WasmFiltersPath = b.path(b.text("wasm_filters_path"))
	p.WasmFilters = b.listOrOff("wasm_filters")
	for _, name := range b.list("pluginserver_names") {
		option := func(o string) string { return b.text("pluginserver_" + strings.ToLower(name) + "_" + o) }
		s := PluginServer{Name: name, Socket: b.path(option("socket")), StartCmd: option("start_cmd"), QueryCmd: option("query_cmd")}
		if s.Socket == "" {
			s.Socket = filepath.Join(b.c.Prefix, name+".socket")
		}
		if s.StartCmd == "" {
			if cmd := "/usr/local/bin/" + name; exists(cmd) {
				s.StartCmd = cmd
			}
		}
		if s.QueryCmd == "" {
			s.QueryCmd = "/usr/local/bin/query_" + name
		}
		p.Servers = append(p.Servers, s)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (b *builder) listeners() {
	l := &b.c.Listen
	for _, one := range []struct {
		setting string
		into    *[]Address
	}{{"proxy_listen", &l.Proxy}, {"stream_listen", &l.Stream}, {"admin_listen", &l.Admin},
		{"status_listen", &l.Status}, {"cluster_listen", &l.Cluster}, {"admin_gui_listen", &l.Manager}} {
		a, err := ParseListen(b.text(one.setting), one.setting == "stream_listen")
		if err != nil {
			b.fail("%s must be of form: %s (%s)", one.setting, listenForm, err)
		}
		for i := range a {
			if a[i].Network == "unix" {
				a[i].Host = b.path(a[i].Host)
			}
		}
		*one.into = a
	}
	l.PortMaps = map[int]int{}
	for _, m := range b.list("port_maps") {
		seen, own, ok := strings.Cut(m, ":")
		from, err1 := strconv.ParseUint(own, 10, 16)
		to, err2 := strconv.ParseUint(seen, 10, 16)
		if !ok || err1 != nil || err2 != nil || from == 0 || to == 0 {
			b.fail("port_maps: invalid port mapping '%s', expected SEEN:LISTENER with two port numbers, such as 80:8000", m)
			continue
		}
		l.PortMaps[int(from)] = int(to)
	}
}

func (b *builder) client() {
	c := &b.c.Client
	for _, t := range b.list("trusted_ips") {
		if t == "unix:" {
			c.TrustedUnix = true
			continue
		}
		p, err := parsePrefix(t)
		if err != nil {
			b.fail("trusted_ips must be a comma separated list of IPv4 or IPv6 addresses, networks in CIDR form or 'unix:', got '%s'", t)
			continue
		}
		c.TrustedIPs = append(c.TrustedIPs, p)
	}
	c.RealIPHeader = b.text("nginx_proxy_real_ip_header")
	c.RealIPRecursive = b.on("nginx_proxy_real_ip_recursive")
	c.AllowDebugHeader = b.on("allow_debug_header")
	c.RequestDebug = b.on("request_debug")
	c.RequestDebugToken = b.text("request_debug_token")
}

// parsePrefix reads an address or a network; an address is a network of one.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func (b *builder) upstream() {
	u := &b.c.Upstream
	u.HTTP2 = b.on("upstream_http2")
	u.KeepalivePoolSize = b.whole("upstream_keepalive_pool_size", 0, 1<<24)
	u.KeepaliveMaxRequests = b.whole("upstream_keepalive_max_requests", 0, 1<<31-1)
	u.KeepaliveIdleTimeout = b.seconds("upstream_keepalive_idle_timeout")
	u.TrustedCertificates = b.list("lua_ssl_trusted_certificate")
	u.VerifyDepth = b.whole("lua_ssl_verify_depth", 0, 100)
	u.TLSProtocols = b.tlsVersions("lua_ssl_protocols")
	u.Proxy, u.ProxySSLVerify = b.text("proxy_server"), b.on("proxy_server_ssl_verify")
	if u.Proxy != "" {
		p, err := url.Parse(u.Proxy)
		switch {
		case err != nil || p.Scheme != "http" && p.Scheme != "https" || p.Hostname() == "":
			b.fail("proxy_server must be of form http://HOST:PORT or https://HOST:PORT")
		case p.RawQuery != "" || p.Fragment != "":
			b.fail("proxy_server: a query or fragment has no meaning there")
		}
	}
}

func (b *builder) lua() {
	l := &b.c.Lua
	l.PackagePath, l.PackageCPath = b.text("lua_package_path"), b.text("lua_package_cpath")
	l.SocketPoolSize = b.whole("lua_socket_pool_size", 1, 1<<20)
	l.MaxReqHeaders = b.whole("lua_max_req_headers", 1, 1000)
	l.MaxRespHeaders = b.whole("lua_max_resp_headers", 1, 1000)
	l.MaxURIArgs = b.whole("lua_max_uri_args", 1, 1000)
	l.MaxPostArgs = b.whole("lua_max_post_args", 1, 1000)
	l.Untrusted = b.text("untrusted_lua")
	l.UntrustedSandboxRequires = b.list("untrusted_lua_sandbox_requires")
	l.UntrustedSandboxEnvironment = b.list("untrusted_lua_sandbox_environment")
	if l.Untrusted != "sandbox" && len(l.UntrustedSandboxRequires)+len(l.UntrustedSandboxEnvironment) > 0 {
		b.warn("untrusted_lua", "is %s, so untrusted_lua_sandbox_requires and untrusted_lua_sandbox_environment have no effect", l.Untrusted)
	}
	l.EventsMaxPayload = b.whole("worker_events_max_payload", 1, 1<<30)
}

// answers reads what the gateway's own headers and errors are.
func (b *builder) answers() {
	e := &b.c.Errors
	e.DefaultType = b.text("error_default_type")
	for setting, into := range map[string]*string{"error_template_html": &e.TemplateHTML, "error_template_json": &e.TemplateJSON,
		"error_template_plain": &e.TemplatePlain, "error_template_xml": &e.TemplateXML} {
		path := b.text(setting)
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			b.fail("%s: the file could not be read: %s", setting, err)
		}
		*into = string(text)
	}
	b.headers()
}

// isUUID says whether s is written as a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
			return false
		}
		if c != '-' && !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return false
		}
	}
	return true
}

func (b *builder) logs() {
	l := &b.c.Logs
	l.Level, _ = log.ParseLevel(b.text("log_level"))
	for setting, into := range map[string]*string{"proxy_error_log": &l.ProxyError, "proxy_stream_error_log": &l.StreamError,
		"admin_error_log": &l.AdminError, "status_error_log": &l.StatusError, "admin_gui_error_log": &l.ManagerError} {
		*into = b.logPath(setting, b.text(setting))
	}
	for setting, into := range map[string]*AccessLog{"proxy_access_log": &l.ProxyAccess, "proxy_stream_access_log": &l.StreamAccess,
		"admin_access_log": &l.AdminAccess, "status_access_log": &l.StatusAccess, "admin_gui_access_log": &l.ManagerAccess} {
		words := strings.Fields(b.text(setting))
		if len(words) == 0 {
			continue
		}
		into.Path = b.logPath(setting, words[0])
		for _, w := range words[1:] {
			switch name, _, valued := strings.Cut(w, "="); {
			case !valued && into.Format == "":
				into.Format = w
			case name == "buffer" || name == "flush":
				// Lines are always gathered and written within a second.
			default:
				b.warn(setting, "the parameter %q has no effect", w)
			}
		}
	}
}

// logPath is a log's destination: empty for off, absolute otherwise.
func (b *builder) logPath(setting, path string) string {
	switch {
	case path == "off" || path == "":
		return ""
	case strings.HasPrefix(path, "syslog:"):
		b.warn(setting, "logging to syslog is not supported, logging to logs/%s.log instead", setting)
		return filepath.Join(b.c.Prefix, "logs", setting+".log")
	case path == "stderr":
		return "/dev/stderr"
	}
	return b.path(path)
}

func (b *builder) hybrid() {
	c, h := b.c, &b.c.Hybrid
	*h = Hybrid{MTLS: b.text("cluster_mtls"), Cert: b.text("cluster_cert"), CertKey: b.text("cluster_cert_key"), CACert: b.text("cluster_ca_cert"),
		ServerName: b.text("cluster_server_name"), ControlPlane: b.text("cluster_control_plane"), OCSP: b.text("cluster_ocsp"),
		DataPlanePurgeDelay: b.seconds("cluster_data_plane_purge_delay"), MaxPayload: int64(b.number("cluster_max_payload")),
		Labels: b.list("cluster_dp_labels"), UseProxy: b.on("cluster_use_proxy")}
	c.Manager = Manager{URL: b.list("admin_gui_url"), APIURL: b.text("admin_gui_api_url"), Path: b.text("admin_gui_path")}
	if c.Role == "traditional" {
		return
	}
	if h.Cert == "" || h.CertKey == "" {
		b.fail("cluster certificate and key must be provided to use Hybrid mode: set cluster_cert and cluster_cert_key")
	}
	if c.Role == "data_plane" && c.Datastore.Database != "off" {
		b.fail("role=data_plane needs database=off, got '%s'", c.Datastore.Database)
	}
	if c.Role == "control_plane" && c.Datastore.Database == "off" {
		b.fail("role=control_plane needs a database, but database is off")
	}
}

// minBodyMemory is the least that body_memory_limit can be.
const minBodyMemory = 1 << 20
