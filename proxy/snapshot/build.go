package snapshot

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/gibbon-gateway/gibbon/engine/balancer"
	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
)

// Builder makes snapshots. It is used by one goroutine at a time.
type Builder struct {
	// Store has the entities.
	Store dao.Store
	// Flavor of the router.
	Flavor router.Flavor
	// Plugins are the enabled plugins by name.
	Plugins map[string]*plugin.Plugin
	// Resolver finds hosts; Health keeps the state of upstreams' addresses.
	Resolver *dns.Resolver
	Health   *health.Registry
	// TLS is what every snapshot's certificates and connections start from.
	TLS TLSDefaults
	// Resolve replaces references to secrets in a plugin's configuration.
	Resolve func(p *plugin.Plugin, config map[string]any) (map[string]any, error)
	// Warn is told what cannot be done but does not keep an entity out.
	Warn func(format string, args ...any)

	number uint64
	bound  map[string]*plugin.Bound // by id, of the last build
}

// httpProtocols are those of requests.
var httpProtocols = []string{"http", "https", "grpc", "grpcs", "ws", "wss"}

// streamProtocols are those of L4 sessions.
var streamProtocols = []string{"tcp", "tls", "tls_passthrough", "udp"}

// serials numbers bound configurations.
var serials atomic.Uint64

// Build makes a snapshot of what the store holds. prev is the one in use:
// what did not change is taken over. codeChanged asks runtimes for fresh code.
func (b *Builder) Build(prev *Snapshot, codeChanged bool) *Snapshot {
	b.number++
	s := &Snapshot{Number: b.number, services: map[string]*entity.Service{}}
	if prev == nil {
		prev = &Snapshot{}
	}
	b.upstreams(s, prev)
	b.services(s)
	bounds := b.plugins(s, codeChanged)
	s.Plugins = pipeline.NewSet(bounds)
	s.Global = s.Plugins.Plan(pipeline.Scope{}, httpProtocols)
	s.GlobalStream = s.Plugins.Plan(pipeline.Scope{}, streamProtocols)
	b.router(s)
	b.certificates(s)
	s.Generations = b.generations(bounds, codeChanged)
	return s
}

func (s *Snapshot) problem(kind string, rec dao.Record, err error) {
	id, _ := rec["id"].(string)
	name, _ := rec["name"].(string)
	s.Problems = append(s.Problems, Problem{Kind: kind, ID: id, Name: name, Err: err})
}

// each decodes every record of a kind; those that do not decode are problems.
func each[T any](b *Builder, s *Snapshot, kind string, fn func(*T)) {
	b.Store.Entities(kind).Each(func(rec dao.Record) bool {
		v := new(T)
		if err := schema.Decode(rec, v); err != nil {
			s.problem(kind, rec, err)
			return true
		}
		fn(v)
		return true
	})
}

func (b *Builder) services(s *Snapshot) {
	each(b, s, "services", func(v *entity.Service) { s.services[v.ID] = v })
}

// upstreams makes balancers; those whose upstream and targets are unchanged stay.
func (b *Builder) upstreams(s *Snapshot, prev *Snapshot) {
	targets := map[string][]*entity.Target{}
	each(b, s, "targets", func(t *entity.Target) {
		targets[t.Upstream.ID] = append(targets[t.Upstream.ID], t)
	})
	s.Upstreams = map[string]*balancer.Balancer{}
	s.upstreams = map[string]upstreamKey{}
	each(b, s, "upstreams", func(u *entity.Upstream) {
		key := upstreamKey{u, targets[u.ID]}
		old := prev.Upstreams[u.Name]
		if old != nil && reflect.DeepEqual(prev.upstreams[u.Name], key) {
			s.Upstreams[u.Name], s.upstreams[u.Name] = old, key
			return
		}
		s.Upstreams[u.Name] = balancer.New(u, targets[u.ID], old, balancer.Deps{
			Resolver: b.Resolver, Health: b.Health,
			Warn: func(upstream, target string, err error) {
				b.Warn("upstream %s: target %s: %v", upstream, target, err)
			},
		})
		s.upstreams[u.Name] = key
	})
}

// upstreamKey is what a balancer was made of.
type upstreamKey struct {
	Upstream *entity.Upstream
	Targets  []*entity.Target
}

// Retire closes what prev has and next does not, once no request uses prev.
func Retire(prev, next *Snapshot) {
	for name, b := range prev.Upstreams {
		if next == nil || next.Upstreams[name] != b {
			b.Close()
		}
	}
}

// plugins binds every enabled configuration; unchanged ones keep their handler.
func (b *Builder) plugins(s *Snapshot, codeChanged bool) []*plugin.Bound {
	var bounds []*plugin.Bound
	next := map[string]*plugin.Bound{}
	b.Store.Entities("plugins").Each(func(rec dao.Record) bool {
		e := new(entity.Plugin)
		if err := schema.Decode(rec, e); err != nil {
			s.problem("plugins", rec, err)
			return true
		}
		if !e.Enabled {
			return true
		}
		bound, err := b.bind(e, codeChanged)
		if err != nil {
			s.problem("plugins", rec, err)
			return true
		}
		bounds = append(bounds, bound)
		next[e.ID] = bound
		return true
	})
	b.bound = next
	return bounds
}

func (b *Builder) bind(e *entity.Plugin, codeChanged bool) (*plugin.Bound, error) {
	p := b.Plugins[e.Name]
	if p == nil {
		return nil, fmt.Errorf("plugin %q is not enabled; add it to the setting 'plugins'", e.Name)
	}
	if b.Resolve != nil {
		config, err := b.Resolve(p, e.Config)
		if err != nil {
			return nil, err
		}
		e.Config = config
	}
	if old := b.bound[e.ID]; old != nil && old.Plugin == p && !codeChanged && reflect.DeepEqual(old.Entity, e) {
		return old, nil
	}
	bound := &plugin.Bound{Plugin: p, Entity: e, Serial: serials.Add(1)}
	if p.New != nil {
		h, err := p.New(e.Config)
		if err != nil {
			return nil, err
		}
		bound.Handler = h
	}
	return bound, nil
}

// router builds the router and gives each entry its destination.
func (b *Builder) router(s *Snapshot) {
	var routes []*entity.Route
	each(b, s, "routes", func(r *entity.Route) { routes = append(routes, r) })
	rt, problems := router.Build(b.Flavor, routes, s.services)
	for _, p := range problems {
		s.Problems = append(s.Problems, Problem{Kind: "routes", ID: p.Route.ID, Name: p.Route.Name, Err: p.Err})
	}
	s.Router = rt
	plans := map[string]*pipeline.Plan{}
	for _, e := range rt.Entries() {
		e.Data = b.destination(s, e, plans)
	}
}

func (b *Builder) destination(s *Snapshot, e *router.Entry, plans map[string]*pipeline.Plan) *Destination {
	at := pipeline.Scope{Route: e.Route.ID}
	if e.Service != nil {
		at.Service = e.Service.ID
	}
	protocols := e.Route.Protocols
	if slices.ContainsFunc(protocols, func(p string) bool { return slices.Contains(streamProtocols, p) }) {
		protocols = streamProtocols // as recorded: a plugin for tcp runs on a tls route, too
	}
	d := &Destination{Plan: s.Plugins.Plan(at, protocols)}
	if e.Service == nil {
		return d
	}
	host, port := e.Service.Host, e.Service.Port
	if bal := s.Upstreams[host]; bal != nil {
		d.Balancer = bal
		return d
	}
	if a, err := netip.ParseAddr(host); err == nil {
		d.Addr = netip.AddrPortFrom(a, uint16(port))
		d.HostHeader = HostHeader(host, port, e.Service.Protocol)
		return d
	}
	d.Name = b.Resolver.Name(host)
	return d
}

// HostHeader is host:port without the scheme's own port.
func HostHeader(host string, port int, scheme string) string {
	switch {
	case port == 80 && (scheme == "http" || scheme == "grpc" || scheme == "ws"),
		port == 443 && (scheme == "https" || scheme == "grpcs" || scheme == "wss"):
		return host
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// generations tells each foreign runtime its plugins and configurations. All
// enabled plugins are there, configured or not, since init_worker runs for them.
func (b *Builder) generations(bounds []*plugin.Bound, codeChanged bool) []RuntimeGeneration {
	byRuntime := map[plugin.Runtime]*plugin.Generation{}
	get := func(rt plugin.Runtime) *plugin.Generation {
		g := byRuntime[rt]
		if g == nil {
			g = &plugin.Generation{Number: b.number, CodeChanged: codeChanged, Bound: map[string][]*plugin.Bound{}}
			byRuntime[rt] = g
		}
		return g
	}
	for _, p := range b.Plugins {
		if p.Runtime != nil {
			g := get(p.Runtime)
			g.Plugins = append(g.Plugins, p)
		}
	}
	for _, bd := range bounds {
		if rt := bd.Plugin.Runtime; rt != nil {
			g := get(rt)
			g.Bound[bd.Plugin.Name] = append(g.Bound[bd.Plugin.Name], bd)
		}
	}
	var out []RuntimeGeneration
	for rt, g := range byRuntime {
		pipeline.Sort(g.Plugins)
		out = append(out, RuntimeGeneration{rt, g})
	}
	return out
}
