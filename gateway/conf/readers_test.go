package conf

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// otherValues are values that differ from the default, where the kind of
// setting does not give one away. FILE stands for a file that is there.
var otherValues = map[string]string{
	"prefix": "/tmp/gibbon-conf-other", "node_id": "6f5b1b1e-3a53-4b8f-9a52-0d6c8a7a2f10", "proxy_listen": "127.0.0.1:9", "stream_listen": "127.0.0.1:9", "admin_listen": "127.0.0.1:9",
	"status_listen": "127.0.0.1:9", "port_maps": "80:8000", "trusted_ips": "10.0.0.0/8", "headers": "off", "headers_upstream": "off", "proxy_access_log": "off", "proxy_stream_access_log": "off",
	"dns_resolver": "127.0.0.1", "resolver_address": "127.0.0.1\nNEW_DNS_CLIENT=on", "dns_order": "A", "resolver_family": "A\nNEW_DNS_CLIENT=on", "dns_hostsfile": "FILE", "resolver_hosts_file": "FILE\nNEW_DNS_CLIENT=on", "nginx_worker_processes": "3",
	"nginx_main_worker_processes": "3", "nginx_events_worker_connections": "1234", "nginx_main_worker_rlimit_nofile": "1234", "nginx_main_daemon": "off", "nginx_proxy_real_ip_recursive": "on",
	"nginx_http_client_body_buffer_size": "3k", "nginx_http_client_max_body_size": "3k", "nginx_http_keepalive_requests": "7", "nginx_http_large_client_header_buffers": "2 4k", "nginx_http_charset": "off",
	"nginx_http_lua_regex_cache_max_entries": "7", "nginx_http_lua_regex_match_limit": "7", "nginx_http_ssl_protocols": "TLSv1.3", "nginx_http_ssl_session_tickets": "off", "nginx_http_ssl_session_timeout": "7s",
	"nginx_http_ssl_prefer_server_ciphers": "off", "ssl_protocols": "TLSv1.3", "ssl_session_timeout": "7s", "ssl_cipher_suite": "modern", "mem_cache_size": "7m", "resolver_mem_cache_size": "7m\nNEW_DNS_CLIENT=on",
	"body_memory_limit": "7m", "buffered_response_limit": "7m", "declarative_config": "FILE", "lua_ssl_protocols": "TLSv1.3", "lua_ssl_trusted_certificate": "FILE", "upstream_keepalive_pool_size": "7",
	"error_template_html": "FILE", "error_template_json": "FILE", "error_template_plain": "FILE", "error_template_xml": "FILE", "log_level": "crit", "nginx_admin_client_body_buffer_size": "3k", "nginx_admin_client_max_body_size": "3k",
	"tracing_instrumentations": "all", "tracing_sampling_rate": "0.5",
	// A setting that wants another one names it behind a line break.
	"admin_ssl_cert": "FILE\nADMIN_SSL_CERT_KEY=FILE", "client_ssl_cert": "FILE\nCLIENT_SSL=on\nCLIENT_SSL_CERT_KEY=FILE", "resolver_error_ttl": "7\nNEW_DNS_CLIENT=on", "resolver_lru_cache_size": "7\nNEW_DNS_CLIENT=on",
	"resolver_stale_ttl": "7\nNEW_DNS_CLIENT=on", "resolver_valid_ttl": "7\nNEW_DNS_CLIENT=on",
	"client_ssl":    "on\nCLIENT_SSL_CERT=FILE\nCLIENT_SSL_CERT_KEY=FILE",
	"untrusted_lua": "off",
}

// otherValue is a value of s that is not its default.
func otherValue(s *Setting, file string) string {
	if v, ok := otherValues[s.Name]; ok {
		return strings.ReplaceAll(v, "FILE", file)
	}
	for _, v := range s.Enum {
		if v != s.Default {
			return v
		}
	}
	switch s.Type {
	case Boolean, Switch:
		if s.Default == "on" {
			return "off"
		}
		return "on"
	case Number:
		n, _ := strconv.ParseFloat(s.Default, 64)
		return fmt.Sprint(n + 1)
	}
	return "other"
}

// differing gives the fields in which two Configs differ, with those that they are in: "Logs.AdminAccess.Path".
func differing(a, b reflect.Value, name string, out map[string]bool) {
	if a.Kind() == reflect.Struct && a.NumField() > 0 && a.Type().PkgPath() == reflect.TypeFor[Config]().PkgPath() {
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() {
				differing(a.Field(i), b.Field(i), strings.TrimPrefix(name+"."+f.Name, "."), out)
			}
		}
		return
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		out[name] = true
	}
}

// readers is the source of all that may read a Config or a setting by its name.
func readers(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range []string{"..", "../../cmd", "../../plugin", "../../plugins", "../../control"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				if d != nil && (d.Name() == "conf" || d.Name() == "testdata") {
					return fs.SkipDir
				}
				return err
			}
			if ext := filepath.Ext(path); (ext == ".go" || ext == ".lua") && !strings.HasSuffix(path, "_test.go") {
				text, err := os.ReadFile(path)
				b.Write(text)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// unread are settings that change nothing, as in the reference, wherever the part they are about is off.
var unread = map[string]string{
	"worker_consistency":            "polling is a database's",
	"worker_state_update_frequency": "polling is a database's",
	"role":                          "hybrid mode's settings refuse it",
}

// Every setting that is not warned about has somebody who reads it: a field of
// Config that differs with it and is looked at outside of this package, or its
// name there. A setting that is taken in silence and changes nothing deceives.
func TestEverySettingIsReadOrWarnedAbout(t *testing.T) {
	base, _, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("127.0.0.1 x %s %s"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := readers(t)
	for _, table := range tables {
		for i := range table.rows {
			s := &table.rows[i]
			if s.Type == Prefix || s.AliasOf != "" || s.Tier == Enterprise || s.NoEffect != "" || s.Part != "" && !Parts[s.Part] || unread[s.Name] != "" {
				continue
			}
			if strings.Contains(source, `"`+s.Name+`"`) || strings.Contains(source, " c."+s.Name) { // Lua code calls kong.configuration c
				continue
			}
			value := otherValue(s, file)
			c, warnings, err := load(t, strings.Split(strings.ToUpper(s.Name)+"="+value, "\n")...)
			if err != nil {
				t.Errorf("%s=%s: %v: give it a value in otherValues", s.Name, value, err)
				continue
			}
			if warned(warnings, s.Name) {
				continue
			}
			if fields, read := isRead(base, c, source); !read {
				t.Errorf("%s=%s: nobody reads it (fields %v) and no warning says so", s.Name, value, fields)
			}
		}
	}
	for name := range unread {
		if s, _ := Lookup(name); s == nil {
			t.Errorf("unread names %s, which is no setting", name)
		}
	}
}

// isRead says whether source looks at a field in which two Configs differ.
func isRead(a, b *Config, source string) (fields map[string]bool, read bool) {
	b.File = a.File
	fields = map[string]bool{}
	differing(reflect.ValueOf(*a), reflect.ValueOf(*b), "", fields)
	for f := range fields {
		all := true
		for _, name := range strings.Split(f, ".") {
			all = all && regexp.MustCompile(`\.`+name+`\b`).MatchString(source)
		}
		read = read || all
	}
	return fields, read
}

// The same for injected directives.
func TestEveryDirectiveIsRead(t *testing.T) {
	base, _, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	source := readers(t)
	values := map[string]string{
		"underscores_in_headers": "off", "ignore_invalid_headers": "off", "add_header": "X-A b", "lua_shared_dict": "mine 1m", "set": "$mine 1", "thread_pool": "mine threads=1",
		"log_format": "mine '$status'", "ssl_protocols": "TLSv1.3", "ssl_verify_client": "optional_no_ca", "ssl_session_tickets": "off", "large_client_header_buffers": "3 3k",
		"lua_check_client_abort": "on", "charset": "latin1", "default_type": "text/x-other", "ssl_client_certificate": "/ca.pem",
	}
	for name, d := range directivesKnown {
		if d.apply == nil {
			continue
		}
		value := values[name]
		if value == "" {
			value = "3"
		}
		block := strings.Fields(d.blocks)[0]
		c, _, err := load(t, strings.ToUpper("nginx_"+block+"_"+name)+"="+value)
		if err != nil {
			t.Errorf("%s %s: %v: give it a value", name, value, err)
			continue
		}
		if fields, read := isRead(base, c, source); !read && !strings.Contains(source, `"nginx_`+block+"_"+name+`"`) {
			t.Errorf("%s %s: nobody reads it (fields %v)", name, value, fields)
		}
	}
}

func warned(list []Warning, name string) bool {
	for _, w := range list {
		if strings.HasPrefix(w.String(), name+":") {
			return true
		}
	}
	return false
}
