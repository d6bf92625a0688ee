package conf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// directive is an injected directive that has a meaning here.
type directive struct {
	// blocks it is honoured in, weakest first: a later block's value wins, as nginx inherits inwards.
	blocks string
	// apply takes the directive's words; nil: the directive is understood and changes nothing, so it is not warned about.
	apply func(b *builder, w []string) error
	doc   string
}

// directivesKnown are the injected directives that are honoured, by name.
var directivesKnown = map[string]directive{
	"client_max_body_size":        {"http proxy location", size64(func(c *Config) *int64 { return &c.Limits.MaxBodySize }), "largest request body"},
	"client_body_buffer_size":     {"http proxy location", size64(func(c *Config) *int64 { return &c.Limits.BodyBufferSize }), "request body kept in memory"},
	"large_client_header_buffers": {"http proxy", buffers(func(c *Config) (*int, *int) { return &c.Limits.LargeHeaders, &c.Limits.LargeHeaderSize }), "buffers of long request heads"},
	"client_header_timeout":       {"http proxy", timeout(func(c *Config) *time.Duration { return &c.Limits.HeaderTimeout }), "time for a whole request head"},
	"client_body_timeout":         {"http proxy location", timeout(func(c *Config) *time.Duration { return &c.Limits.BodyTimeout }), "time between two reads of a request body"},
	"send_timeout":                {"http proxy location", timeout(func(c *Config) *time.Duration { return &c.Limits.SendTimeout }), "time between two writes to a client"},
	"keepalive_timeout":           {"http proxy location", timeout(func(c *Config) *time.Duration { return &c.Limits.KeepaliveTimeout }), "time that an idle client connection is kept"},
	"keepalive_requests":          {"http proxy location", count(func(c *Config) *int { return &c.Limits.KeepaliveRequests }), "requests on one client connection"},
	"proxy_buffer_size":           {"http proxy location", size(func(c *Config) *int { return &c.Limits.ProxyBufferSize }), "longest response head of an upstream"},
	"underscores_in_headers":      {"http proxy", flag(func(c *Config) *bool { return &c.Limits.UnderscoresInHeaders }), "whether header names may have underscores"},
	"ignore_invalid_headers":      {"http proxy", flag(func(c *Config) *bool { return &c.Limits.IgnoreInvalidHeaders }), "whether invalid header fields are dropped"},
	"add_header":                  {"http proxy location", (*builder).addHeader, "a field of responses: a name, a value and perhaps `always`"},
	"charset":                     {"http proxy location", text(func(c *Config) *string { return &c.Limits.Charset }), "charset added to textual answers"},
	"default_type":                {"http proxy location", text(func(c *Config) *string { return &c.Limits.DefaultType }), "content type of answers without one"},
	"lua_max_running_timers":      {"http stream", count(func(c *Config) *int { return &c.Lua.MaxRunningTimers }), "timers of plugins that run at once"},
	"lua_max_pending_timers":      {"http stream", count(func(c *Config) *int { return &c.Lua.MaxPendingTimers }), "timers of plugins that wait"},
	"lua_check_client_abort":      {"http proxy location", flag(func(c *Config) *bool { return &c.Lua.CheckClientAbort }), "whether Lua handlers that wait end, or `ngx.on_abort` is called, when the client goes"},
	"lua_regex_match_limit":       {"http", count(func(c *Config) *int { return &c.Lua.RegexMatchLimit }), "steps of one ngx.re match"},
	"lua_regex_cache_max_entries": {"http", count(func(c *Config) *int { return &c.Lua.RegexCacheMaxEntries }), "compiled patterns kept by ngx.re"},
	"lua_shared_dict":             {"http stream", (*builder).sharedDict, "one more dictionary in ngx.shared"},
	"set":                         {"proxy location", (*builder).setVariable, "a variable of ngx.var that plugins read and write"},
	"thread_pool":                 {"main", (*builder).threadPool, "a pool for ngx.run_worker_thread: a name, `threads=` and `max_queue=`"},
	"log_format":                  {"http stream", (*builder).logFormat, "a format of access logs"},
	"ssl_protocols":               {"http proxy", (*builder).sslProtocols, "TLS versions"},
	"ssl_session_tickets":         {"http proxy", flag(func(c *Config) *bool { return &c.TLS.SessionTickets }), "whether clients get session tickets"},
	"ssl_session_timeout":         {"http proxy", timeout(func(c *Config) *time.Duration { return &c.TLS.SessionTimeout }), "time that a TLS session can be resumed"},
	"ssl_client_certificate":      {"http proxy", text(func(c *Config) *string { return &c.TLS.ClientCAs }), "authorities of client certificates"},
	"ssl_verify_client":           {"http proxy", (*builder).verifyClient, "whether clients need a certificate"},
	"ssl_verify_depth":            {"http proxy", count(func(c *Config) *int { return &c.TLS.VerifyDepth }), "longest chain of a client certificate"},
	"worker_shutdown_timeout":     {"main", timeout(func(c *Config) *time.Duration { return &c.Limits.ShutdownTimeout }), "time that requests under way may take when the gateway quits"},

	// Read by name elsewhere in this package.
	"daemon":               {"main", nil, "see nginx_daemon"},
	"worker_processes":     {"main", nil, "see nginx_worker_processes"},
	"worker_rlimit_nofile": {"main", nil, "limit of file descriptors"},
	"worker_connections":   {"events", nil, "connections of one worker"},
	"multi_accept":         {"events", nil, "no effect"},
	"user":                 {"main", nil, "no effect"},
	"env":                  {"main", nil, "the whole environment is visible anyway"},
	"real_ip_header":       {"proxy", nil, "see real_ip_header"},
	"real_ip_recursive":    {"proxy", nil, "see real_ip_recursive"},
	"pcre_jit":             {"main", nil, "patterns are always compiled"},
}

// directives sets nginx's own defaults and applies what is injected; what has
// no meaning here is warned about by the setting's name.
func (b *builder) directives() {
	l := &b.c.Limits
	l.HeaderTimeout, l.BodyTimeout, l.SendTimeout, l.KeepaliveTimeout = time.Minute, time.Minute, time.Minute, 75*time.Second
	l.ProxyBufferSize = 4 << 10
	l.UnderscoresInHeaders, l.IgnoreInvalidHeaders = true, true
	l.DefaultType = "text/plain"
	b.c.Lua.MaxRunningTimers, b.c.Lua.MaxPendingTimers = 4096, 16384
	b.c.Lua.SharedDicts = map[string]int64{}
	b.c.Lua.Variables = map[string]string{}
	b.c.Logs.Formats = map[string]LogFormat{}
	for _, block := range injectBlocks {
		for _, in := range b.c.inject[block] {
			b.directive(block, in)
		}
	}
	if l.Charset == "off" {
		l.Charset = ""
	}
}

// directive applies one injected directive.
func (b *builder) directive(block string, in Inject) {
	given := b.values[in.Setting].Source > FromDefault
	if block == "admin" && b.adminDirective(in) {
		return
	}
	d, known := directivesKnown[in.Name]
	if !known || !contains(strings.Fields(d.blocks), block) {
		if row, _ := Lookup(in.Setting); given && row.NoEffect == "" && row.Part == "" {
			b.warn(in.Setting, "the directive %s has no effect in this place", in.Name)
		}
		return
	}
	if d.apply == nil {
		return
	}
	w := words(in.Value)
	if len(w) == 0 {
		b.fail("%s: the directive %s needs a value", in.Setting, in.Name)
		return
	}
	if err := d.apply(b, w); err != nil {
		b.fail("%s: invalid value of the directive %s: %s", in.Setting, in.Name, err)
	}
}

// adminDirective applies the two directives of the Admin API's block.
func (b *builder) adminDirective(in Inject) bool {
	into := map[string]*int64{"client_max_body_size": &b.c.Limits.AdminMaxBodySize, "client_body_buffer_size": &b.c.Limits.AdminBodyBufferSize}[in.Name]
	if into == nil {
		return false
	}
	v, err := ParseSize(in.Value)
	if err != nil {
		b.fail("%s: %s", in.Setting, err)
	}
	*into = v
	return true
}

func size64(field func(*Config) *int64) func(*builder, []string) error {
	return func(b *builder, w []string) (err error) {
		*field(b.c), err = ParseSize(w[0])
		return err
	}
}

// maxBuffer bounds every buffer that is sized by a directive and held in memory.
const maxBuffer = 64 << 20

func size(field func(*Config) *int) func(*builder, []string) error {
	return func(b *builder, w []string) error {
		v, err := ParseSize(w[0])
		if err == nil && (v < 1 || v > maxBuffer) {
			err = fmt.Errorf("%q is not between 1 and %d bytes", w[0], maxBuffer)
		}
		*field(b.c) = int(v)
		return err
	}
}

func buffers(fields func(*Config) (number, size *int)) func(*builder, []string) error {
	return func(b *builder, w []string) error {
		number, bytes := fields(b.c)
		if len(w) != 2 {
			return fmt.Errorf("expected a number and a size, such as 4 8k")
		}
		n, err := strconv.Atoi(w[0])
		if err != nil || n < 1 || n > 1024 {
			return fmt.Errorf("%q is not a number from 1 to 1024", w[0])
		}
		v, err := ParseSize(w[1])
		if err == nil && (v < 1 || v > maxBuffer) {
			err = fmt.Errorf("%q is not between 1 and %d bytes", w[1], maxBuffer)
		}
		*number, *bytes = n, int(v)
		return err
	}
}

func timeout(field func(*Config) *time.Duration) func(*builder, []string) error {
	return func(b *builder, w []string) (err error) {
		*field(b.c), err = ParseTime(w[0])
		return err
	}
}

func count(field func(*Config) *int) func(*builder, []string) error {
	return func(b *builder, w []string) error {
		v, err := strconv.ParseUint(w[0], 10, 31)
		if err != nil {
			return fmt.Errorf("%q is not a number", w[0])
		}
		*field(b.c) = int(v)
		return nil
	}
}

func flag(field func(*Config) *bool) func(*builder, []string) error {
	return func(b *builder, w []string) error {
		v, ok := onOff(w[0])
		if !ok {
			return fmt.Errorf("%q is neither on nor off", w[0])
		}
		*field(b.c) = v
		return nil
	}
}

func text(field func(*Config) *string) func(*builder, []string) error {
	return func(b *builder, w []string) error {
		*field(b.c) = w[0]
		return nil
	}
}

// sharedDict reads `lua_shared_dict NAME SIZE`.
func (b *builder) sharedDict(w []string) error {
	if len(w) != 2 {
		return fmt.Errorf("expected a name and a size")
	}
	v, err := ParseSize(w[1])
	if err == nil && v < 8<<10 {
		err = fmt.Errorf("%q is less than 8k", w[1])
	}
	b.c.Lua.SharedDicts[w[0]] = v
	return err
}

// addHeader reads `add_header NAME VALUE [always]`. As in nginx, an inner block
// that adds fields takes the outer one's place; a setting can give one field.
func (b *builder) addHeader(w []string) error {
	if len(w) < 2 || len(w) > 3 || len(w) == 3 && w[2] != "always" {
		return fmt.Errorf("expected a name, a value and perhaps always")
	}
	if strings.Contains(w[1], "$") {
		return fmt.Errorf("%q: values with variables are not supported", w[1])
	}
	for _, c := range w[0] {
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '_') {
			return fmt.Errorf("%q is no name of a field", w[0])
		}
	}
	for _, c := range w[1] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("the value of %s has control characters", w[0])
		}
	}
	b.c.Limits.AddHeader = AddHeader{Name: w[0], Value: w[1], Always: len(w) == 3}
	return nil
}

// setVariable reads `set $NAME VALUE`.
func (b *builder) setVariable(w []string) error {
	if len(w) != 2 || len(w[0]) < 2 || w[0][0] != '$' {
		return fmt.Errorf("expected $name and a value")
	}
	if strings.Contains(w[1], "$") {
		return fmt.Errorf("%q: values with variables are not supported", w[1])
	}
	b.c.Lua.Variables[w[0][1:]] = w[1]
	return nil
}

// threadPool reads `thread_pool NAME threads=N [max_queue=N]`.
func (b *builder) threadPool(w []string) error {
	p := ThreadPool{Name: w[0]}
	for _, o := range w[1:] {
		name, value, _ := strings.Cut(o, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 1 || n > 1<<16:
			return fmt.Errorf("%s is not a number between 1 and 65536", o)
		case name == "threads" && n <= 256:
			p.Threads = n
		case name == "max_queue":
			p.Queue = n
		default:
			return fmt.Errorf("%s: expected threads=N, at most 256, and max_queue=N", o)
		}
	}
	if p.Threads == 0 {
		return fmt.Errorf("threads=N is missing")
	}
	b.c.Lua.ThreadPools = append(b.c.Lua.ThreadPools, p)
	return nil
}

// logFormat reads `log_format NAME [escape=default|json|none] TEXT…`.
func (b *builder) logFormat(w []string) error {
	f := LogFormat{Escape: "default"}
	rest := w[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "escape=") {
		f.Escape = strings.TrimPrefix(rest[0], "escape=")
		rest = rest[1:]
	}
	if f.Escape != "default" && f.Escape != "json" && f.Escape != "none" {
		return fmt.Errorf("escape=%s is none of default, json and none", f.Escape)
	}
	if len(rest) == 0 {
		return fmt.Errorf("expected a name and a text")
	}
	f.Text = strings.Join(rest, "")
	b.c.Logs.Formats[w[0]] = f
	return nil
}

func (b *builder) sslProtocols(w []string) error {
	var out []string
	for _, v := range w {
		if !contains([]string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}, v) {
			return fmt.Errorf("unknown version %q", v)
		}
		out = append(out, v)
	}
	b.c.TLS.Protocols = out
	return nil
}

func (b *builder) verifyClient(w []string) error {
	if !contains([]string{"off", "on", "optional", "optional_no_ca"}, w[0]) {
		return fmt.Errorf("%q is none of off, on, optional and optional_no_ca", w[0])
	}
	b.c.TLS.VerifyClient = w[0]
	return nil
}
