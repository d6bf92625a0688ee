package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/gibbon-gateway/gibbon/test/process"
)

//go:embed conf
var confs embed.FS

//go:embed all:kong
var luaPlugins embed.FS

// engine is one thing to measure.
type engine struct {
	name    string
	about   string
	conf    string            // template below conf/
	vars    map[string]string // what the template is told beside ports and folders
	header  string            // a request header that clients send
	command func(b *bench, conf string, port int) (env, command []string)
}

var engines = []engine{
	{name: "nginx", about: "Debian's nginx, proxy_pass with keep-alive", conf: "nginx.conf", command: nginx},
	{name: "nginx+log", about: "the same with its access log", conf: "nginx.conf", vars: map[string]string{"log": "yes"}, command: nginx},
	{name: "nginx+lua", about: "nginx with five trivial Lua phases", conf: "nginx-lua.conf", command: nginx},
	{name: "haproxy", about: "Debian's HAProxy, http-reuse always", conf: "haproxy.cfg", command: haproxy},
	{name: "gibbon", about: "a plain route, no plugins", conf: "kong.yml", command: gibbon},
	{name: "nginx+h2", about: "nginx, with HTTP/2 to clients", conf: "nginx.conf", vars: map[string]string{"h2": "yes"}, command: nginx},
	{name: "haproxy+h2", about: "HAProxy, with HTTP/2 to clients", conf: "haproxy.cfg", vars: map[string]string{"h2": "yes"}, command: haproxy},
	{name: "gibbon+h2", about: "a plain route, with HTTP/2 to clients", conf: "kong.yml", vars: map[string]string{"h2": "yes"}, command: gibbonH2},
	{name: "nginx+tls", about: "nginx, with TLS to clients", conf: "nginx.conf", vars: map[string]string{"tls": "yes"}, command: nginx},
	{name: "haproxy+tls", about: "HAProxy, with TLS to clients", conf: "haproxy.cfg", vars: map[string]string{"tls": "yes"}, command: haproxy},
	{name: "gibbon+tls", about: "a plain route, with TLS to clients", conf: "kong.yml", vars: map[string]string{"tls": "yes"}, command: gibbonTLS},
	{name: "gibbon+log", about: "the same with its access log", conf: "kong.yml", vars: map[string]string{"log": "yes"}, command: gibbonLog},
	{name: "gibbon+lua", about: "one typical Lua plugin", conf: "kong.yml", vars: map[string]string{"plugin": "bench-typical"}, command: gibbonLua},
	{name: "nginx+callout", about: "nginx with a Lua handler that asks an HTTP service (resty.http, kept connections)", conf: "nginx-callout.conf", command: nginx},
	{name: "gibbon+callout", about: "the same handler as a plugin", conf: "kong.yml", vars: map[string]string{"plugin": "bench-callout"}, command: gibbonLua},
	{name: "gibbon+lua10", about: "ten such plugins", conf: "kong.yml", vars: map[string]string{"ten": "yes"}, command: gibbonTen},
	{name: "gibbon+key-auth", about: "key-auth and a consumer", conf: "kong.yml", vars: map[string]string{"plugin": "key-auth"},
		header: "apikey: bench-key", command: gibbon},
}

func nginx(b *bench, conf string, _ int) (env, command []string) {
	return nil, []string{"nginx", "-p", b.dir, "-e", "stderr", "-c", conf}
}

func haproxy(_ *bench, conf string, _ int) (env, command []string) {
	return nil, []string{"haproxy", "-db", "-f", conf}
}

func gibbon(b *bench, conf string, port int) (env, command []string) {
	return []string{
		"KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG=" + conf, "KONG_PLUGINS=bundled",
		"KONG_LUA_PACKAGE_PATH=" + b.dir + "/?.lua;;",
		fmt.Sprintf("KONG_PROXY_LISTEN=%s backlog=4096", process.Loopback(port)),
		"KONG_ADMIN_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off", "KONG_STATUS_LISTEN=off", "KONG_STREAM_LISTEN=off",
		"KONG_PREFIX=" + strings.TrimSuffix(conf, ".yml") + ".prefix", "KONG_NGINX_DAEMON=off",
		"KONG_NGINX_WORKER_PROCESSES=1", "KONG_LOG_LEVEL=warn", "KONG_ANONYMOUS_REPORTS=off",
		"KONG_PROXY_ACCESS_LOG=off", "KONG_ADMIN_ACCESS_LOG=off",
		"KONG_NGINX_HTTP_KEEPALIVE_REQUESTS=1000000000", "KONG_NGINX_HTTP_KEEPALIVE_TIMEOUT=600s",
		"KONG_UPSTREAM_KEEPALIVE_POOL_SIZE=1024", "KONG_UPSTREAM_KEEPALIVE_MAX_REQUESTS=0", "KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT=600",
	}, []string{b.gibbon, "start"}
}

func gibbonH2(b *bench, conf string, port int) (env, command []string) {
	env, command = gibbon(b, conf, port)
	return append(env, fmt.Sprintf("KONG_PROXY_LISTEN=%s http2 backlog=4096", process.Loopback(port))), command
}

func gibbonLog(b *bench, conf string, port int) (env, command []string) {
	env, command = gibbon(b, conf, port)
	return append(env, "KONG_PROXY_ACCESS_LOG=logs/access.log"), command
}

func gibbonLua(b *bench, conf string, port int) (env, command []string) {
	env, command = gibbon(b, conf, port)
	return append(env, "KONG_PLUGINS=bundled,bench-typical,bench-callout,bench-sleep"), command
}

// gibbonTen makes ten plugins of the typical one, each with a name and code of its own.
func gibbonTen(b *bench, conf string, port int) (env, command []string) {
	const from = "bench-typical"
	all := "KONG_PLUGINS=bundled"
	for i := range 10 {
		name := fmt.Sprintf("bench-ten-%d", i)
		all += "," + name
		dir := filepath.Join(b.dir, "kong", "plugins", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			panic(err) // the bench's own folder
		}
		for _, file := range []string{"handler.lua", "schema.lua"} {
			text, err := luaPlugins.ReadFile("kong/plugins/" + from + "/" + file)
			if err != nil {
				panic(err)
			}
			source := strings.ReplaceAll(string(text), from, name)
			source = strings.Replace(source, "PRIORITY = 900", fmt.Sprintf("PRIORITY = %d", 900+i), 1)
			if err := os.WriteFile(filepath.Join(dir, file), []byte(source), 0o644); err != nil {
				panic(err)
			}
		}
	}
	env, command = gibbon(b, conf, port)
	return append(env, all), command
}

// running is an engine that has started.
type running struct {
	engine
	*server
	port int
	conf string
}

// launch writes an engine's configuration and starts it on a core.
func (b *bench) launch(e engine, core, upstream int) (*running, error) {
	port := b.ports.Take()
	library, err := filepath.Abs("plugin/lua/lib") // resty.http, which Debian does not have
	if err != nil {
		return nil, err
	}
	if err := b.certificate(); err != nil {
		return nil, err
	}
	vars := map[string]string{"dir": b.dir, "library": library, "port": fmt.Sprint(port), "files": fmt.Sprint(b.files), "upstream": fmt.Sprint(upstream), "name": e.name,
		"log": "", "plugin": "", "ten": "", "body": strings.Repeat("0123456789", 10), "kilobyte": strings.Repeat("0123456789abcdef", 64)}
	for k, v := range e.vars {
		vars[k] = v
	}
	conf := filepath.Join(b.dir, e.name+filepath.Ext(e.conf))
	if err := b.render(e.conf, conf, vars); err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(b.dir), luaPlugins); err != nil && !os.IsExist(err) {
		return nil, err
	}
	env, command := e.command(b, conf, port)
	p, err := b.start(e.name, core, port, env, command...)
	if err != nil {
		return nil, err
	}
	return &running{e, p, port, conf}, nil
}

func (b *bench) render(name, path string, vars map[string]string) error {
	t, err := template.ParseFS(confs, "conf/"+name)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.Execute(f, vars)
}

// upstream starts what all engines proxy to: an nginx that answers from memory, on the load's core.
func (b *bench) upstream(core int) (port int, err error) {
	r, err := b.launch(engine{name: "upstream", conf: "upstream.conf", command: nginx}, core, 0)
	if err != nil {
		return 0, err
	}
	return r.port, nil
}

// pick gives the engines by name, all but those with access logs or callouts without names. Without a gateway binary only the peers are left.
func (b *bench) pick(names string) ([]engine, error) {
	var wanted []string
	if names != "" {
		wanted = strings.Split(names, ",")
	}
	_, missing := os.Stat(b.gibbon)
	var picked []engine
	for _, e := range engines {
		named := slices.Contains(wanted, e.name)
		if !named && (len(wanted) > 0 || strings.HasSuffix(e.name, "+log") || strings.HasSuffix(e.name, "+callout")) {
			continue
		}
		if missing != nil && strings.HasPrefix(e.name, "gibbon") {
			fmt.Fprintf(os.Stderr, "bench: no %s: %s left out\n", b.gibbon, e.name)
			continue
		}
		picked = append(picked, e)
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(engines, func(e engine) bool { return e.name == name }) {
			return nil, fmt.Errorf("no engine %q: %s", name, engineNames())
		}
	}
	return picked, nil
}

func engineNames() string {
	var names []string
	for _, e := range engines {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}
