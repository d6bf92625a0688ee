package pipeline

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

func bound(p *plugin.Plugin, id string, s Scope, protocols ...string) *plugin.Bound {
	return &plugin.Bound{Plugin: p, Entity: &entity.Plugin{ID: id, Name: p.Name, Protocols: protocols,
		Route: entity.Ref{ID: s.Route}, Service: entity.Ref{ID: s.Service}, Consumer: entity.Ref{ID: s.Consumer}, ConsumerGroup: entity.Ref{ID: s.Group}}}
}

// TestPrecedence checks every step of facts/phases.json config_precedence_ee:
// with the configurations of step i and all later ones there, i is chosen.
func TestPrecedence(t *testing.T) {
	p := &plugin.Plugin{Name: "p", Phases: phase.Access}
	scopes := []Scope{
		{Route: "r", Service: "s", Consumer: "c"}, {Route: "r", Service: "s", Group: "g"}, {Route: "r", Consumer: "c"},
		{Service: "s", Consumer: "c"}, {Route: "r", Group: "g"}, {Service: "s", Group: "g"}, {Route: "r", Service: "s"},
		{Consumer: "c"}, {Group: "g"}, {Route: "r"}, {Service: "s"}, {},
	}
	for i := range scopes {
		var all []*plugin.Bound
		for _, s := range scopes[i:] {
			all = append(all, bound(p, "", s))
		}
		got := NewSet(all).ordered[0].choose(Scope{Route: "r", Service: "s", Consumer: "c"}, []string{"other", "g"})
		if got != all[0] {
			t.Errorf("step %d: %+v was chosen, not %+v", i, scopeOf(got.Entity), scopes[i])
		}
	}
	if b := NewSet([]*plugin.Bound{bound(p, "", Scope{Route: "x"})}).ordered[0].choose(Scope{Route: "r"}, nil); b != nil {
		t.Error("a configuration of another route was chosen")
	}
}

func TestMaskedScopes(t *testing.T) {
	at := Scope{Route: "r", Service: "s", Consumer: "c"}
	for _, c := range []struct {
		name   string
		plugin plugin.Plugin
		have   Scope
	}{
		{"no_route", plugin.Plugin{NoRoute: true}, Scope{Route: "r"}},
		{"no_service", plugin.Plugin{NoService: true}, Scope{Service: "s"}},
		{"no_consumer", plugin.Plugin{NoConsumer: true}, Scope{Consumer: "c"}},
	} {
		c.plugin.Name = c.name
		if b := NewSet([]*plugin.Bound{bound(&c.plugin, "", c.have)}).ordered[0].choose(at, nil); b != nil {
			t.Errorf("%s: the masked scope was chosen", c.name)
		}
	}
}

func TestOrderAndUnits(t *testing.T) {
	rt := fakeRuntime{}
	mk := func(name string, priority int, rt plugin.Runtime) *plugin.Bound {
		return bound(&plugin.Plugin{Name: name, Priority: priority, Phases: phase.Access | phase.Log, Runtime: rt}, name, Scope{})
	}
	s := NewSet([]*plugin.Bound{mk("a", 1, nil), mk("b", 5, rt), mk("c", 5, rt), mk("z", 9, nil), mk("l", 1, rt)})
	p := s.Plan(Scope{}, nil)
	var got []string
	for _, u := range p.units[unitsAccess] {
		var names []string
		for _, c := range u.Calls {
			names = append(names, c.Plugin.Name)
		}
		got = append(got, strings.Join(names, "+"))
	}
	// Priority first, ties by name descending; neighbours of one runtime are one unit.
	if want := "z c+b+l a"; strings.Join(got, " ") != want {
		t.Errorf("units %q, want %q", got, want)
	}
	if !p.Has(phase.Log) || p.Has(phase.Rewrite) || p.Empty() {
		t.Errorf("Has or Empty are wrong: %v %v %v", p.Has(phase.Log), p.Has(phase.Rewrite), p.Empty())
	}
	if !p.units[unitsLog][0].Inline || p.units[unitsAccess][0].Inline {
		t.Error("log runs on the loop, access of a Go plugin that does not say so in a job")
	}
}

func TestProtocolsSelect(t *testing.T) {
	p := &plugin.Plugin{Name: "p", Phases: phase.Access}
	s := NewSet([]*plugin.Bound{bound(p, "", Scope{}, "grpc", "grpcs")})
	if !s.Plan(Scope{}, []string{"http", "https"}).Empty() {
		t.Error("a configuration for gRPC runs on an HTTP route")
	}
	if s.Plan(Scope{}, []string{"grpcs"}).Empty() {
		t.Error("a configuration for gRPC does not run on a gRPC route")
	}
}

func TestBuffering(t *testing.T) {
	p := &plugin.Plugin{Name: "p", Phases: phase.Response}
	if !NewSet([]*plugin.Bound{bound(p, "", Scope{})}).Plan(Scope{}, nil).Buffering {
		t.Error("a response phase does not ask for the whole response")
	}
}

// fakeRuntime is a runtime that is only told apart.
type fakeRuntime struct{}

func (fakeRuntime) Run(*pdk.Kong, phase.Phase, []*plugin.Bound) plugin.Outcome {
	return plugin.Continue
}
func (fakeRuntime) Filter(_ *pdk.Kong, _ []*plugin.Bound, b []byte, _ bool) ([]byte, plugin.Outcome) {
	return b, plugin.Continue
}
func (fakeRuntime) Start(*worker.Worker, *plugin.Generation) error { return nil }
func (fakeRuntime) Stop(*worker.Worker)                            {}
func (fakeRuntime) Release(*pdk.Kong)                              {}
