package snapshot

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/control/declarative"
	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// testPlugin is a plugin that refuses the configuration {fail: true}.
var testPlugin = &plugin.Plugin{Name: "probe", Priority: 1, Phases: phase.Access,
	Config: &schema.Schema{Name: "probe", Fields: []schema.Field{{Name: "config", Type: schema.Record, Fields: []schema.Field{{Name: "fail", Type: schema.Boolean}}}}},
	New: func(c map[string]any) (plugin.Handler, error) {
		if c["fail"] == true {
			return nil, fmt.Errorf("told to fail")
		}
		return new(int), nil
	},
}

type onlyProbe struct{}

func (onlyProbe) Config(name string) (*schema.Schema, bool) {
	return testPlugin.Config, name == "probe"
}

// rig is a store and a builder on it.
type rig struct {
	t     *testing.T
	store *dao.Memory
	b     *Builder
}

func newRig(t *testing.T) *rig {
	schemas := entity.Schemas(entity.Options{RouterFlavor: "traditional_compatible", Plugin: onlyProbe{}.Config})
	store, err := dao.NewMemory(dao.Options{Schemas: schemas})
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := dns.New(dns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reg := health.NewRegistry(health.Options{})
	t.Cleanup(func() { reg.Close(); resolver.Close() })
	return &rig{t, store, &Builder{Store: store, Flavor: router.Compatible, Plugins: map[string]*plugin.Plugin{"probe": testPlugin},
		Resolver: resolver, Health: reg, Warn: t.Logf}}
}

// load puts a declarative document into the store.
func (r *rig) load(yaml string) {
	r.t.Helper()
	c, err := declarative.Load([]byte(yaml), declarative.Options{Schemas: r.store.Schemas()})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.ReplaceAll(context.Background(), c.Set); err != nil {
		r.t.Fatal(err)
	}
}

const first = `
_format_version: "3.0"
upstreams:
- name: pool
  targets: [{target: "127.0.0.1:81"}]
services:
- {name: a, host: pool, routes: [{name: ra, paths: [/a]}]}
- {name: b, host: 127.0.0.2, port: 80, routes: [{name: rb, paths: [/b], plugins: [{name: probe, config: {fail: %v}}]}]}
- {name: c, host: c.test, port: 8080, routes: [{name: rc, paths: [/c]}]}
`

func (s *Snapshot) find(t *testing.T, path string) *Destination {
	t.Helper()
	var m router.Match
	if !s.Router.Match(&router.Request{Method: "GET", Scheme: "http", Path: path}, &m) {
		t.Fatalf("no route for %s", path)
	}
	return m.Entry.Data.(*Destination)
}

func TestBuild(t *testing.T) {
	r := newRig(t)
	r.load(fmt.Sprintf(first, false))
	s := r.b.Build(nil, false)
	defer Retire(s, nil)
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	if d := s.find(t, "/a"); d.Balancer == nil || d.Balancer != s.Upstreams["pool"] {
		t.Error("a service whose host is an upstream has no balancer")
	}
	if d := s.find(t, "/b"); d.Addr.String() != "127.0.0.2:80" || d.HostHeader != "127.0.0.2" {
		t.Errorf("an address: %v %q", d.Addr, d.HostHeader)
	}
	if d := s.find(t, "/c"); d.Name == nil {
		t.Error("a name has no handle to resolve it")
	}
	if s.find(t, "/b").Plan.Empty() || !s.find(t, "/a").Plan.Empty() {
		t.Error("the plugin of one route is not in its plan, or in another's")
	}
}

// TestBadEntityLeavesTheRest: what cannot be built is named and left out.
func TestBadEntityLeavesTheRest(t *testing.T) {
	r := newRig(t)
	r.load(fmt.Sprintf(first, true))
	s := r.b.Build(nil, false)
	defer Retire(s, nil)
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Error(), "told to fail") || s.Problems[0].Kind != "plugins" {
		t.Errorf("problems %v", s.Problems)
	}
	s.find(t, "/a")
	if !s.find(t, "/b").Plan.Empty() {
		t.Error("a handler that was not made is in the plan")
	}
}

// TestRebuildReuses: balancers and handlers of unchanged entities stay.
func TestRebuildReuses(t *testing.T) {
	r := newRig(t)
	r.load(fmt.Sprintf(first, false))
	one := r.b.Build(nil, false)
	two := r.b.Build(one, false)
	Retire(one, two)
	if one.Upstreams["pool"] != two.Upstreams["pool"] {
		t.Error("the balancer of an unchanged upstream was made anew")
	}
	r.load(strings.Replace(fmt.Sprintf(first, false), "127.0.0.1:81", "127.0.0.1:82", 1))
	three := r.b.Build(two, false)
	Retire(two, three)
	defer Retire(three, nil)
	if two.Upstreams["pool"] == three.Upstreams["pool"] {
		t.Error("the balancer of a changed target stayed")
	}
	if three.Number != 3 {
		t.Errorf("number %d", three.Number)
	}
}

func TestHostHeader(t *testing.T) {
	for _, c := range []struct {
		host, scheme, want string
		port               int
	}{
		{"a.test", "http", "a.test", 80}, {"a.test", "https", "a.test", 443}, {"a.test", "http", "a.test:443", 443},
		{"a.test", "grpc", "a.test:8080", 8080}, {"a.test", "wss", "a.test", 443},
	} {
		if got := HostHeader(c.host, c.port, c.scheme); got != c.want {
			t.Errorf("HostHeader(%s, %d, %s) = %q, want %q", c.host, c.port, c.scheme, got, c.want)
		}
	}
}
