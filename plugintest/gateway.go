package plugintest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gibbon-gateway/gibbon/control/declarative"
	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/router/atc"
	"github.com/gibbon-gateway/gibbon/engine/vault"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/version"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"

	_ "github.com/gibbon-gateway/gibbon/plugins" // the bundled ones register themselves
)

// Options of a Gateway.
type Options struct {
	// Document is the declarative configuration, as in kong.yml.
	Document string
	// Plugins are enabled: bundled ones by name, others from LuaPath.
	Plugins []string
	// LuaPath is lua_package_path.
	LuaPath string
	// Settings gives a setting of kong.conf as kong.configuration shows it; nil = none is set.
	Settings func(name string) any
}

// handlerBudget is how much processor time a handler may use, as in a gateway.
const handlerBudget = 3 * time.Second

// patience is how long a request may take in all.
const patience = 15 * time.Second

// Gateway is a data plane with one worker whose clients and upstreams are in
// this process. Its methods are for one goroutine.
type Gateway struct {
	dir       string // of the log and the hosts file
	files     log.Files
	log       *log.Logger
	read      int // bytes of the log that were looked at
	lua       *lua.Runtime
	resolver  *dns.Resolver
	health    *health.Registry
	server    *proxy.Server
	worker    *worker.Worker
	proxy     *proxy.Worker
	ended     chan struct{} // closed when the loop is over
	over      chan struct{} // a request has been logged
	record    record
	upstreams upstreams
	plain     *proxy.Listener
	secure    *proxy.Listener
}

// Refused is a configuration that a schema refuses.
type Refused struct {
	// Fields are the violations of the first plugin's configuration that has
	// some, by dotted path ("config.key"); empty where another entity is at fault.
	Fields map[string]string
	// Text tells all violations.
	Text string
}

// Error is Text.
func (r *Refused) Error() string { return r.Text }

// New makes a gateway. A configuration that a schema refuses is a *Refused.
func New(o Options) (*Gateway, error) {
	g := &Gateway{ended: make(chan struct{}), over: make(chan struct{}, 64)}
	g.upstreams.names, g.upstreams.conns = newNames(), map[net.Conn]struct{}{}
	if err := g.open(o); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) open(o Options) (err error) {
	if g.dir, err = os.MkdirTemp("", "plugintest"); err != nil {
		return err
	}
	if g.log, err = log.OpenError(&g.files, filepath.Join(g.dir, "error.log"), log.Debug); err != nil {
		return err
	}
	if g.lua, err = lua.New(lua.Options{PackagePath: o.LuaPath, Workers: 1, Log: g.log, TimeBudget: handlerBudget,
		Dial: g.upstreams.dial}); err != nil {
		return err
	}
	g.lua.SetServices(lua.Services{Secrets: vault.New(vault.Options{})})
	settings := o.Settings
	if settings == nil {
		settings = func(string) any { return nil }
	}
	view := &pdk.Gateway{Log: g.log, Errors: errorpage.Default(), NodeID: "00000000-0000-4000-8000-000000000001", Hostname: "plugintest",
		Workspace: dao.DefaultWorkspace, WorkspaceName: "default", Settings: settings, Trusted: func(string) bool { return false }, Eval: g.lua.Eval}
	g.lua.SetGateway(view)
	enabled, err := g.plugins(o.Plugins)
	if err != nil {
		return err
	}
	store, err := load(o.Document, enabled)
	if err != nil {
		return err
	}
	if g.resolver, err = dns.New(dns.Options{Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}, ResolvConf: os.DevNull,
		Order: []dns.Type{dns.TypeA}, Dial: g.upstreams.names.dial}); err != nil {
		return err
	}
	view.Store, view.Resolver = store, g.resolver
	return g.start(enabled, store, view)
}

// plugins finds the enabled plugins, each with its phases noted.
func (g *Gateway) plugins(names []string) (map[string]*plugin.Plugin, error) {
	enabled := map[string]*plugin.Plugin{}
	for _, name := range names {
		p, ok := plugin.Bundled(name)
		if !ok {
			var err error
			if p, err = g.lua.Load(name); err != nil {
				return nil, err
			}
		}
		enabled[name] = g.record.watched(p)
	}
	return enabled, nil
}

// load checks a document and puts it into a store.
func load(document string, enabled map[string]*plugin.Plugin) (*dao.Memory, error) {
	find := func(name string) (*schema.Schema, bool) {
		p, ok := enabled[name]
		if !ok {
			return nil, false
		}
		return p.Config, true
	}
	schemas := entity.Schemas(entity.Options{RouterFlavor: string(router.Compatible), CheckExpression: atc.Check, Plugin: find, ConsumerGroups: true})
	for _, p := range enabled {
		schemas = append(schemas, p.Entities...)
	}
	c, err := declarative.Load([]byte(document), declarative.Options{Schemas: schemas})
	if err != nil {
		return nil, refusal(err)
	}
	store, err := dao.NewMemory(dao.Options{Schemas: schemas})
	if err != nil {
		return nil, err
	}
	return store, store.ReplaceAll(context.Background(), c.Set)
}

// refusal makes a Refused of the loader's error.
func refusal(err error) error {
	var bad *declarative.Error
	if !errors.As(err, &bad) {
		return err
	}
	r := &Refused{Fields: map[string]string{}, Text: bad.Error()}
	for _, e := range bad.Entities {
		if e.Kind == "plugin" || e.Kind == "plugins" {
			flatten(r.Fields, "", e.Errors)
			break
		}
	}
	return r
}

// flatten lists the violations of a tree by path.
func flatten(out map[string]string, path string, v any) {
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := v.(type) {
	case schema.Errors:
		for k, e := range v {
			flatten(out, join(k), e)
		}
	case []any:
		for i, e := range v {
			if e != nil {
				flatten(out, join(fmt.Sprint(i+1)), e)
			}
		}
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}

// start makes the data plane and its first snapshot.
func (g *Gateway) start(enabled map[string]*plugin.Plugin, store *dao.Memory, view *pdk.Gateway) error {
	g.health = health.NewRegistry(health.Options{})
	g.server = &proxy.Server{Options: proxyOptions(), Log: g.log, Gateway: view, Access: access{g.over}, Resolver: g.resolver,
		ErrorPages: proxy.ErrorPages{Templates: view.Errors, Default: errorpage.JSON}, Dial: g.upstreams.dial}
	b := snapshot.Builder{Store: store, Flavor: router.Compatible, Plugins: enabled, Resolver: g.resolver, Health: g.health,
		TLS: snapshot.TLSDefaults{Certificates: []tls.Certificate{certificate()}}, Warn: g.log.Warnf,
		Resolve: func(p *plugin.Plugin, c map[string]any) (map[string]any, error) { return c, nil }}
	s := b.Build(nil, false)
	if len(s.Problems) > 0 {
		return s.Problems[0]
	}
	l, err := loop.New()
	if err != nil {
		return err
	}
	g.worker = &worker.Worker{Loop: l}
	g.proxy = g.server.Attach(g.worker)
	g.server.Swap(s)
	go func() {
		defer close(g.ended)
		if err := l.Run(); err != nil {
			g.log.Errorf("the worker stopped: %v", err)
		}
	}()
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return g.server.Snapshot().Certificates.Choose(h)
		}}
	base.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { return g.server.ServerConfig(base, h) }
	g.plain = &proxy.Listener{Addr: netip.MustParseAddrPort("127.0.0.1:8000")}
	g.secure = &proxy.Listener{Index: 1, Addr: netip.MustParseAddrPort("127.0.0.1:8443"), TLS: base}
	return g.onLoop(func() error { return g.lua.Start(g.worker, generation(s)) })
}

// generation is what all watched Lua plugins together tell their one runtime.
func generation(s *snapshot.Snapshot) *plugin.Generation {
	all := &plugin.Generation{Number: s.Number, Bound: map[string][]*plugin.Bound{}}
	for _, g := range s.Generations {
		all.Plugins = append(all.Plugins, g.Generation.Plugins...)
		for name, bound := range g.Generation.Bound {
			all.Bound[name] = bound
		}
	}
	pipeline.Sort(all.Plugins)
	return all
}

// onLoop runs fn on the worker's loop and waits for it.
func (g *Gateway) onLoop(fn func() error) error {
	back := make(chan error, 1)
	if !g.worker.Loop.Post(func() { back <- fn() }) {
		return errors.New("the worker has ended")
	}
	select {
	case err := <-back:
		return err
	case <-time.After(patience):
		return fmt.Errorf("the worker did nothing for %v: a handler may block", patience)
	}
}

// access learns that a request's log phase is over.
type access struct{ over chan struct{} }

// Write implements proxy.AccessLog.
func (a access) Write(*pdk.Kong) {
	select {
	case a.over <- struct{}{}:
	default:
	}
}

// proxyOptions are the settings' defaults as far as plugins see them.
func proxyOptions() proxy.Options {
	const second = int64(time.Second)
	return proxy.Options{
		RequestHead:  http1.Limits{Line: 8 << 10, Total: 32 << 10, Fields: 4096, DropUnderscores: true},
		ResponseHead: http1.Limits{Total: 32 << 10, Fields: 4096},
		BodyBuffer:   8 << 10, HeaderTimeout: 60 * second, BodyTimeout: 60 * second, SendTimeout: 60 * second, KeepaliveTimeout: 65 * second,
		KeepaliveRequests: 1000, Token: version.Token,
		Headers: proxy.HeaderSet{Server: true, Via: true, ProxyLatency: true, UpstreamLatency: true, ResponseLatency: true, RequestID: true, UpstreamRequestID: true},
	}
}

// Close ends the gateway.
func (g *Gateway) Close() {
	g.upstreams.close()
	if g.worker != nil {
		_ = g.onLoop(func() error {
			g.lua.Stop(g.worker)
			g.proxy.Close()
			g.worker.Loop.Stop()
			return nil
		})
		<-g.ended
	}
	if g.server != nil && g.server.Snapshot() != nil {
		snapshot.Retire(g.server.Snapshot(), nil)
	}
	if g.health != nil {
		g.health.Close()
	}
	if g.resolver != nil {
		g.resolver.Close()
	}
	if g.lua != nil {
		g.lua.Close()
	}
	_ = g.files.Close()
	_ = os.RemoveAll(g.dir)
}

// Do sends a request over a connection of its own while upstreams answer with
// replies, one after another, the last one for good (none: 200 "ok").
func (g *Gateway) Do(r *Request, replies ...*Response) (*Exchange, error) {
	g.upstreams.play(replies)
	for len(g.over) > 0 {
		<-g.over
	}
	fd, conn, err := pair()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := r.Client
	if !client.IsValid() {
		client = netip.MustParseAddr("127.0.0.1")
	}
	l := g.plain
	if r.TLS {
		l = g.secure
	}
	_ = g.onLoop(func() error { g.proxy.Serve(fd, l, netip.AddrPortFrom(client, 40000), l.Addr); return nil })
	_ = conn.SetDeadline(time.Now().Add(patience))
	var c net.Conn = conn
	if r.TLS {
		c = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: serverName(r)}) // its own certificate
	}
	x := &Exchange{g: g}
	if _, err := c.Write(r.wire()); err == nil {
		x.Response, x.Err = readResponse(bufio.NewReader(c), r.Method)
	} else {
		x.Err = err
	}
	conn.Close()
	select {
	case <-g.over:
	case <-time.After(2 * time.Second): // a connection that never became a request
	}
	x.look()
	return x, nil
}

// serverName is the name that a client asks for in the handshake.
func serverName(r *Request) string {
	if h := r.Header.Get("Host"); h != "" {
		return h
	}
	return "localhost"
}
