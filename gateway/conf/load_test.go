package conf

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/observe/log"
)

// load loads settings given as KONG_ variables without their prefix.
func load(t *testing.T, vars ...string) (*Config, []Warning, error) {
	t.Helper()
	env := []string{"KONG_PREFIX=/tmp/gibbon-conf-test"}
	for _, v := range vars {
		env = append(env, "KONG_"+v)
	}
	empty := filepath.Join(t.TempDir(), "kong.conf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(empty, env, nil)
}

func TestDefaults(t *testing.T) {
	c, warnings, err := load(t)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	for _, one := range []struct {
		name      string
		got, want any
	}{
		{"prefix", c.Prefix, "/tmp/gibbon-conf-test"},
		{"daemon", c.Daemon, true},
		{"workers", c.Workers, 0},
		{"level", c.Logs.Level, log.Notice},
		{"proxy", c.Listen.Proxy[1].String(), "0.0.0.0:8443"},
		{"proxy tls", c.Listen.Proxy[1].TLS && c.Listen.Proxy[1].HTTP2 && c.Listen.Proxy[1].ReusePort, true},
		{"backlog", c.Listen.Proxy[0].Backlog, 16384},
		{"stream", len(c.Listen.Stream), 0},
		{"access", c.Logs.ProxyAccess, AccessLog{Path: "/tmp/gibbon-conf-test/logs/access.log"}},
		{"stream access", c.Logs.StreamAccess, AccessLog{Path: "/tmp/gibbon-conf-test/logs/access.log", Format: "basic"}},
		{"status access", c.Logs.StatusAccess, AccessLog{}},
		{"body", c.Limits.MaxBodySize, int64(0)},
		{"body buffer", c.Limits.BodyBufferSize, int64(8 << 10)},
		{"large headers", c.Limits.LargeHeaders * c.Limits.LargeHeaderSize, 4 * 8 << 10},
		{"admin body", c.Limits.AdminMaxBodySize, int64(10 << 20)},
		{"charset", c.Limits.Charset, "UTF-8"},
		{"keepalive", c.Limits.KeepaliveRequests, 10000},
		{"upstream idle", c.Upstream.KeepaliveIdleTimeout, time.Minute},
		{"ssl timeout", c.TLS.SessionTimeout, 24 * time.Hour},
		{"dns order", c.DNS.Order, []string{"LAST", "SRV", "A", "CNAME"}},
		{"headers", c.Headers, Headers{Server: true, Via: true, ProxyLatency: true, UpstreamLatency: true, ResponseLatency: true, AdminLatency: true, RequestID: true, UpstreamRequestID: true}},
		{"mem cache", c.Limits.MemCacheSize, int64(128 << 20)},
		{"regex", c.Lua.RegexMatchLimit, 100000},
		{"plugins", c.Plugins.Enabled, []string{"bundled"}},
		{"database", c.Datastore.Postgres.Port, 5432},
	} {
		if !reflect.DeepEqual(one.got, one.want) {
			t.Errorf("%s: %#v, want %#v", one.name, one.got, one.want)
		}
	}
}

// The refusals with a recorded text have it (facts/cli.md).
func TestRefusals(t *testing.T) {
	for setting, want := range map[string]string{
		"LOG_LEVEL=loud":                        "log_level has an invalid value: 'loud' (debug, info, notice, warn, error, crit, alert, emerg)",
		"LOG_LEVEL=":                            "log_level has an invalid value: 'nil' (debug, info, notice, warn, error, crit, alert, emerg)",
		"ROUTER_FLAVOR=x":                       "router_flavor has an invalid value: 'x' (traditional, traditional_compatible, expressions)",
		"HEADERS=bogus":                         "headers: invalid entry 'bogus'",
		"HEADERS_UPSTREAM=via":                  "headers_upstream: invalid entry 'via'",
		"TRUSTED_IPS=a.b":                       "trusted_ips must be a comma separated list",
		"PROXY_LISTEN=8000":                     "proxy_listen must be of form: ",
		"STREAM_LISTEN=1.2.3.4:5 http2":         "stream_listen must be of form: ",
		"ADMIN_SSL_CERT=a.pem":                  "admin_ssl_cert_key must be specified",
		"SSL_CERT_KEY=a.pem":                    "ssl_cert must be specified",
		"CLIENT_SSL=on":                         "client_ssl_cert must be specified",
		"PORT_MAPS=80":                          "port_maps: invalid port mapping '80'",
		"ROLE=data_plane":                       "cluster certificate and key must be provided to use Hybrid mode",
		"DATABASE=cassandra":                    "cassandra is not supported",
		"LUA_MAX_URI_ARGS=0":                    "lua_max_uri_args must be an integer between 1 and 1000",
		"DB_CACHE_TTL=x":                        "db_cache_ttl is not a number: 'x'",
		"MEM_CACHE_SIZE=1x":                     "mem_cache_size: \"1x\" is not a size",
		"NGINX_HTTP_CLIENT_MAX_BODY_SIZE=big":   "nginx_http_client_max_body_size: invalid value of the directive client_max_body_size",
		"NGINX_HTTP_LOG_FORMAT=x 'open":         "nginx_http_log_format: a quotation mark",
		"NGINX_MAIN_THREAD_POOL=p":              "threads=N is missing",
		"NGINX_PROXY_ADD_HEADER=X-A":            "expected a name, a value",
		"NGINX_PROXY_ADD_HEADER=X-A $host":      "values with variables are not supported",
		"NGINX_MAIN_THREAD_POOL=p threads=x":    "threads=x is not a number between 1 and 65536",
		"NGINX_MAIN_THREAD_POOL=p thread=1":     "thread=1: expected threads=N",
		"NGINX_WORKER_PROCESSES=many":           "nginx_main_worker_processes must be auto or a number",
		"NODE_ID=x":                             "node_id must be a UUID",
		"ERROR_TEMPLATE_JSON=/no/such/file":     "error_template_json: the file could not be read",
		"PG_PASSWORD={vault://env/not-there-x}": "failed to dereference '{vault://env/not-there-x}': could not get value from external vault (no value found) for config option 'pg_password'",
		"DNS_RESOLVER=name":                     "dns_resolver must be a comma separated list",
		"SSL_PROTOCOLS=TLSv1.9":                 "ssl_protocols: unknown version 'TLSv1.9'",
		"TRACING_INSTRUMENTATIONS=request,foo":  "tracing_instrumentations: invalid entry 'foo'",
		"TRACING_INSTRUMENTATIONS=off,request":  "tracing_instrumentations: off and other entries",
		"WORKER_STATE_UPDATE_FREQUENCY=0":       "worker_state_update_frequency must be greater than 0",
		"PROXY_SERVER=proxy.test:3128":          "proxy_server must be of form",
		"PROXY_SERVER=http://a/?b":              "proxy_server: a query",
		"DNS_HOSTSFILE=/no/such/file":           "dns_hostsfile: file '/no/such/file' does not exist",
		"TRACING_SAMPLING_RATE=2":               "tracing_sampling_rate must be a number between 0 and 1",
	} {
		if _, _, err := load(t, setting); err == nil || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for setting, want := range map[string]string{
		"NGINX_HTTP_GZIP=on":              "nginx_http_gzip: the directive gzip has no effect in this place",
		"NGINX_USER=x":                    "nginx_user: has no effect, since the gateway runs as the user who starts it",
		"RBAC_AUTH_HEADER=x":              "rbac_auth_header: belongs to the Enterprise edition and has no effect",
		"NO_SUCH_THING=1":                 "no setting has the name of KONG_NO_SUCH_THING: ignored",
		"OPENTELEMETRY_TRACING=request":   "opentelemetry_tracing: is an old name, use tracing_instrumentations",
		"CLIENT_SSL=maybe":                "client_ssl: 'maybe' is neither on nor off, taken as off",
		"WASM=on":                         "wasm: has no effect yet, since the part \"wasm\" is not there",
		"SSL_PREFER_SERVER_CIPHERS=off":   "ssl_prefer_server_ciphers: off has no effect, since the TLS library orders the ciphers itself",
		"DEDICATED_CONFIG_PROCESSING=off": "dedicated_config_processing: has no effect, since configuration is always processed apart from requests",
		"PROXY_ERROR_LOG=syslog:server=x": "proxy_error_log: logging to syslog is not supported",
	} {
		_, warnings, err := load(t, setting)
		if err != nil {
			t.Errorf("%s: %v", setting, err)
		}
		found := false
		for _, w := range warnings {
			found = found || strings.HasPrefix(w.String(), want)
		}
		if !found {
			t.Errorf("%s: %v, want %s", setting, warnings, want)
		}
	}
}

// "off" in front of a list of headers switches off what follows.
func TestHeadersOff(t *testing.T) {
	for setting, want := range map[string]Headers{
		"HEADERS=off, Via": {UpstreamRequestID: true},
		"HEADERS=VIA,off":  {Via: true, UpstreamRequestID: true},
	} {
		if c, _, err := load(t, setting); err != nil || c.Headers != want {
			t.Errorf("%s: %v, %v", setting, c, err)
		}
	}
}

// Who wins: defaults, file, KONG_*, GIBBON_*, flags; and the names of one setting.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kong.conf")
	text := "log_level = debug\nlua_max_uri_args=5 # five\ntrusted_ips = 10.0.0.0/8, \\\n  unix:\nnginx_daemon = off\nprefix = /x\\#y\nno setting\nunknown = 1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := Load(file, []string{"KONG_LOG_LEVEL=info", "GIBBON_LOG_LEVEL=warn", "KONG_NGINX_WORKER_PROCESSES=3", "KONG_HEADERS=#x", "GIBBON_HEADERS=Via,X-Kong-Upstream-Status",
		"KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE=1k", "KONG_NGINX_PROXY_CLIENT_MAX_BODY_SIZE=2k", "KONG_PG_PASSWORD={vault://env/hush/k}", `HUSH={"k":"s3cret"}`,
		"KONG_NGINX_MAIN_THREAD_POOL=slow threads=4 max_queue=9; thread_pool fast threads=1",
		"KONG_NGINX_HTTP_LUA_SHARED_DICT=mine 1m; lua_shared_dict other 2m", "KONG_NGINX_PROXY_SET=$session_name a; set $session_secret 'b c'", `KONG_NGINX_HTTP_LOG_FORMAT=brief escape=json '$status ' "$request"`, "KONG_PROXY_ACCESS_LOG=a.log brief"},
		map[string]string{"lua_max_uri_args": "7"})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		name      string
		got, want any
	}{
		{"GIBBON_ wins", c.Logs.Level, log.Warn},
		{"flag wins", c.Lua.MaxURIArgs, 7},
		{"continued list", c.Client.TrustedIPs, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		{"unix", c.Client.TrustedUnix, true},
		{"alias", c.Daemon, false},
		{"alias in env", c.Workers, 3},
		{"alias raw", c.Raw("nginx_worker_processes"), "3"},
		{"literal #", c.Prefix, "/x#y"},
		{"headers", c.Headers, Headers{Via: true, UpstreamStatus: true, UpstreamRequestID: true}},
		{"inner block wins", c.Limits.MaxBodySize, int64(2 << 10)},
		{"reference", c.Datastore.Postgres.Password, "s3cret"},
		{"thread pools", c.Lua.ThreadPools, []ThreadPool{{"slow", 4, 9}, {"fast", 1, 0}}},
		{"dictionaries", c.Lua.SharedDicts, map[string]int64{"mine": 1 << 20, "other": 2 << 20}},
		{"variables", c.Lua.Variables, map[string]string{"session_name": "a", "session_secret": "b c"}},
		{"format", c.Logs.Formats["brief"], LogFormat{"json", "$status $request"}},
		{"access", c.Logs.ProxyAccess, AccessLog{"/x#y/a.log", "brief"}},
		{"masked", c.Clean()["pg_password"], "******"},
		{"warnings: a line, a name, pg_password without its part", len(warnings), 3},
	} {
		if !reflect.DeepEqual(one.got, one.want) {
			t.Errorf("%s: %#v, want %#v", one.name, one.got, one.want)
		}
	}
}

// The types are those of golden pdk/other/configuration-read-only.
func TestRaw(t *testing.T) {
	c, _, err := load(t, "DATABASE=off", "TRUSTED_IPS=10.0.0.0/8", "ANONYMOUS_REPORTS=off", "NGINX_WORKER_PROCESSES=1", "PG_PASSWORD=hush",
		"PORT_MAPS=80:8000", "HEADERS=Server,X-Kong-Proxy-Latency", "REAL_IP_RECURSIVE=on", "PROXY_LISTEN=127.0.0.1:8000 backlog=5, [::1]:8443 ssl")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"database": "off", "log_level": "notice", "nginx_worker_processes": "1", "real_ip_header": "X-Real-IP", "trusted_ips": []string{"10.0.0.0/8"},
		"lua_max_uri_args": 100.0, "headers": []string{"server", "x-kong-proxy-latency"}, "anonymous_reports": false, "prefix": "/tmp/gibbon-conf-test",
		"host_ports": map[int]int{8000: 80}, "port_maps": []string{"80:8000"}, "upstream_keepalive_idle_timeout": 60.0, "client_ssl": false, "nope": nil,
		"pg_password": "hush", "db_cache_ttl": 0.0, "plugins": []string{"bundled"}, "real_ip_recursive": "on", "dns_resolver": []string{},
		"keyring_enabled": nil, "proxy_ssl_enabled": true, "admin_gui_path": "/",
	} {
		if got := c.Raw(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, want %#v", name, got, want)
		}
	}
	l := c.Raw("proxy_listeners").([]map[string]any)
	if l[0]["backlog"] != "backlog=5" || l[1]["ip"] != "::1" || l[1]["ssl"] != true || l[1]["port"] != 8443.0 {
		t.Errorf("proxy_listeners: %v", l)
	}
	if got := (Plugins{Enabled: []string{"bundled", "mine", "acl"}}).Names([]string{"acl", "jwt"}); !reflect.DeepEqual(got, []string{"acl", "jwt", "mine"}) {
		t.Errorf("names: %v", got)
	}
}

// What WriteEnv writes, Load reads back as the same settings.
func TestWriteEnv(t *testing.T) {
	prefix := t.TempDir()
	c, _, err := Load("", []string{"KONG_PREFIX=" + prefix, "KONG_HEADERS=off", "KONG_SSL_CERT=a\nb#", "KONG_SSL_CERT_KEY=x", "KONG_DB_CACHE_NEG_TTL=", "KONG_NGINX_DAEMON=off",
		"KONG_NGINX_HTTP_GZIP=on", "KONG_PG_PASSWORD={vault://env/pw-x}", "PW_X=1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteEnv(); err != nil {
		t.Fatal(err)
	}
	d, _, err := Request{File: c.EnvFile(), Written: true, Environ: []string{"PW_X=1"}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.All(), d.All()) {
		for n, v := range c.All() {
			if !reflect.DeepEqual(v, d.Raw(n)) {
				t.Errorf("%s: %#v became %#v", n, v, d.Raw(n))
			}
		}
	}
	if text, _ := os.ReadFile(c.EnvFile()); !strings.Contains(string(text), "pg_password = {vault://env/pw-x}") {
		t.Errorf("the reference is not kept: %s", text)
	}
}

func TestKeepReferences(t *testing.T) {
	_, _, err := Request{Environ: []string{"KONG_LOG_LEVEL={vault://env/x-y}", "KONG_PG_PORT={vault://env/x-y}", "KONG_PG_PASSWORD={vault://env/x-y}"}, KeepReferences: true}.Load()
	if err != nil {
		t.Error(err)
	}
}
