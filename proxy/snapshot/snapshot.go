package snapshot

import (
	"net/netip"

	"github.com/gibbon-gateway/gibbon/engine/balancer"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
)

// Snapshot is one generation of runtime state. It is immutable.
type Snapshot struct {
	// Number grows with every build.
	Number uint64
	Router *router.Router
	// Global is the plan of requests without a route, and of rewrite.
	Global *pipeline.Plan
	// GlobalStream is the plan of L4 sessions without a route, and of their
	// certificate phase: the global plugins that allow an L4 protocol.
	GlobalStream *pipeline.Plan
	// Plugins are all bound configurations.
	Plugins *pipeline.Set
	// Upstreams by name.
	Upstreams map[string]*balancer.Balancer
	// Certificates by server name.
	Certificates *Certificates
	// Generations are what each foreign runtime needs to know.
	Generations []RuntimeGeneration
	// Problems found while building; the entities they name are left out.
	Problems []Problem

	services  map[string]*entity.Service
	upstreams map[string]upstreamKey
}

// RuntimeGeneration is the generation of one runtime.
type RuntimeGeneration struct {
	Runtime    plugin.Runtime
	Generation *plugin.Generation
}

// Destination is what the router's entries carry: the plan of their requests
// and where they go when no plugin changes it.
type Destination struct {
	Plan *pipeline.Plan
	// Balancer of the upstream that the service's host names, else nil.
	Balancer *balancer.Balancer
	// Addr is the service's address when its host is one.
	Addr netip.AddrPort
	// Name resolves the service's host otherwise.
	Name *dns.Name
	// HostHeader is what the upstream is called in the Host field.
	HostHeader string
}

// Problem is an entity that was left out, and why.
type Problem struct {
	// Kind is the entity's plural name ("routes"), ID and Name which one.
	Kind, ID, Name string
	Err            error
}

// Error names the entity and what is wrong with it.
func (p Problem) Error() string {
	who := p.Name
	if who == "" {
		who = p.ID
	}
	return p.Kind + " " + who + ": " + p.Err.Error()
}
