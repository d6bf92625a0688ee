package pipeline

import (
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// Scope is what a configuration is bound to; "" = any.
type Scope struct{ Route, Service, Consumer, Group string }

// Set is all bound configurations of a workspace, made once per snapshot.
type Set struct {
	// ordered are the plugins that have a configuration, in order of execution.
	ordered []*configured
	// scoped says that some configuration depends on the consumer or a group,
	// grouped that one depends on a group.
	scoped, grouped bool
}

// configured is one plugin with its configurations by scope.
type configured struct {
	plugin *plugin.Plugin
	by     map[Scope]*plugin.Bound
	// scoped: a configuration of this plugin depends on the consumer.
	scoped bool
}

// NewSet sorts bound configurations for execution.
func NewSet(bound []*plugin.Bound) *Set {
	s := &Set{}
	index := map[*plugin.Plugin]*configured{}
	for _, b := range bound {
		c := index[b.Plugin]
		if c == nil {
			c = &configured{plugin: b.Plugin, by: map[Scope]*plugin.Bound{}}
			index[b.Plugin] = c
			s.ordered = append(s.ordered, c)
		}
		sc := scopeOf(b.Entity)
		c.by[sc] = b
		if sc.Consumer != "" || sc.Group != "" {
			c.scoped, s.scoped = true, true
			s.grouped = s.grouped || sc.Group != ""
		}
	}
	sortConfigured(s.ordered)
	return s
}

func scopeOf(e *entity.Plugin) Scope {
	return Scope{Route: e.Route.ID, Service: e.Service.ID, Consumer: e.Consumer.ID, Group: e.ConsumerGroup.ID}
}

// precedence lists which parts of a scope are looked for, most specific first
// (facts/phases.json, config_precedence_ee; without groups it equals the short one).
var precedence = []struct{ route, service, consumer, group bool }{
	{true, true, true, false}, {true, true, false, true}, {true, false, true, false},
	{false, true, true, false}, {true, false, false, true}, {false, true, false, true},
	{true, true, false, false}, {false, false, true, false}, {false, false, false, true},
	{true, false, false, false}, {false, true, false, false}, {},
}

// choose finds the configuration of c for a request; groups are in order of their names.
func (c *configured) choose(at Scope, groups []string) *plugin.Bound {
	if c.plugin.NoRoute {
		at.Route = ""
	}
	if c.plugin.NoService {
		at.Service = ""
	}
	if c.plugin.NoConsumer {
		at.Consumer, groups = "", nil
	}
	for _, p := range precedence {
		if p.route && at.Route == "" || p.service && at.Service == "" || p.consumer && at.Consumer == "" || p.group && len(groups) == 0 {
			continue
		}
		var want Scope
		if p.route {
			want.Route = at.Route
		}
		if p.service {
			want.Service = at.Service
		}
		if p.consumer {
			want.Consumer = at.Consumer
		}
		if !p.group {
			if b := c.by[want]; b != nil {
				return b
			}
			continue
		}
		for _, g := range groups {
			want.Group = g
			if b := c.by[want]; b != nil {
				return b
			}
		}
	}
	return nil
}

// Unit is what runs in one go: one Go handler, or neighbours of one runtime.
type Unit struct {
	Runtime plugin.Runtime
	Calls   []*plugin.Bound
	// Inline: a Go handler that runs on the loop.
	Inline bool
}

// Plan is what runs for requests of one route and service.
type Plan struct {
	at  Scope
	set *Set
	// chosen are the configurations without a consumer, in order.
	chosen []*plugin.Bound
	// dynamic: the consumer decides, so each request collects its own.
	dynamic bool
	units   [phaseCount][]Unit
	// Buffering: a plugin has a response phase, which needs the whole response.
	Buffering bool
}

// index of the phases that a plan has units for.
const (
	unitsCertificate = iota
	unitsRewrite
	unitsAccess
	unitsResponse
	unitsHeaderFilter
	unitsBodyFilter
	unitsLog
	unitsPreread
	unitsWSHandshake
	unitsWSClientFrame
	unitsWSUpstreamFrame
	unitsWSClose
	phaseCount
)

func unitsOf(p phase.Phase) int {
	switch p {
	case phase.Certificate:
		return unitsCertificate
	case phase.Rewrite:
		return unitsRewrite
	case phase.Access:
		return unitsAccess
	case phase.Response:
		return unitsResponse
	case phase.HeaderFilter:
		return unitsHeaderFilter
	case phase.BodyFilter:
		return unitsBodyFilter
	case phase.Log:
		return unitsLog
	case phase.Preread:
		return unitsPreread
	case phase.WSHandshake:
		return unitsWSHandshake
	case phase.WSClientFrame:
		return unitsWSClientFrame
	case phase.WSUpstreamFrame:
		return unitsWSUpstreamFrame
	case phase.WSClose:
		return unitsWSClose
	}
	panic("pipeline: phase " + p.String() + " has no units")
}

var unitPhases = [phaseCount]phase.Phase{phase.Certificate, phase.Rewrite, phase.Access, phase.Response,
	phase.HeaderFilter, phase.BodyFilter, phase.Log, phase.Preread,
	phase.WSHandshake, phase.WSClientFrame, phase.WSUpstreamFrame, phase.WSClose}

// Plan compiles the plan of a route and its service. protocols are the
// route's, of which a configuration must allow one; nil allows all.
func (s *Set) Plan(at Scope, protocols []string) *Plan {
	p := &Plan{at: at, set: s}
	for _, c := range s.ordered {
		if c.scoped {
			p.dynamic = true
		}
		if b := c.choose(at, nil); b != nil && allows(b, protocols) {
			p.chosen = append(p.chosen, b)
		}
	}
	for i, ph := range unitPhases {
		p.units[i] = join(p.chosen, ph)
	}
	p.Buffering = len(p.units[unitsResponse]) > 0
	return p
}

// Has says whether anything runs in ph (without regard to consumers).
func (p *Plan) Has(ph phase.Phase) bool { return p.dynamic || len(p.units[unitsOf(ph)]) > 0 }

// Empty says that no plugin runs at all.
func (p *Plan) Empty() bool { return !p.dynamic && len(p.chosen) == 0 }

// allows says whether b runs for a route of the protocols want; nil allows all.
func allows(b *plugin.Bound, want []string) bool {
	have := b.Entity.Protocols
	if len(want) == 0 || len(have) == 0 {
		return true
	}
	for _, h := range have {
		for _, w := range want {
			if h == w || b.Plugin.GuardsWebSockets && (h == "http" && w == "ws" || h == "https" && w == "wss") {
				return true
			}
		}
	}
	return false
}

// join makes the units of ph out of bounds in order.
func join(bounds []*plugin.Bound, ph phase.Phase) []Unit {
	var units []Unit
	for _, b := range bounds {
		if b.Plugin.Phases&ph == 0 {
			continue
		}
		if rt := b.Plugin.Runtime; rt != nil {
			if n := len(units); n > 0 && units[n-1].Runtime == rt {
				units[n-1].Calls = append(units[n-1].Calls, b)
				continue
			}
			units = append(units, Unit{Runtime: rt, Calls: []*plugin.Bound{b}})
			continue
		}
		units = append(units, Unit{Calls: []*plugin.Bound{b}, Inline: inline(b.Plugin, ph)})
	}
	return units
}

// inline: filters and log may not block by contract.
func inline(p *plugin.Plugin, ph phase.Phase) bool {
	return p.Inline&ph != 0 || ph == phase.HeaderFilter || ph == phase.BodyFilter || ph == phase.Log || ph == phase.WSClose
}
