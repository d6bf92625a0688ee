package plugin

import (
	"fmt"
	"sort"
	"sync"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Plugin declares one plugin.
type Plugin struct {
	// Name as configurations spell it ("key-auth").
	Name string
	// Version is semantic; the Admin API shows it.
	Version string
	// Priority orders plugins within a phase, highest first; equal ones by
	// name, descending.
	Priority int
	// Config is the schema of the plugin's configuration; nil: it takes none.
	Config *schema.Schema
	// Entities are schemas of entities that the plugin owns (keyauth_credentials).
	Entities []*schema.Schema
	// Endpoints are paths that the plugin adds to the Admin API (api.lua).
	Endpoints []Endpoint
	// Phases the handler implements. Of fills it from the handler's methods.
	Phases phase.Phase
	// Inline lists the phases whose handler neither blocks nor takes longer
	// than some 50 µs: they run on the worker's loop. All others of a Go
	// plugin run in a goroutine of their own (DESIGN section 3). An inline
	// handler that finds that it has to wait after all returns pdk.ErrBlocks.
	Inline phase.Phase
	// NoRoute, NoService and NoConsumer mask that scope when a configuration is chosen.
	NoRoute, NoService, NoConsumer bool
	// GuardsWebSockets: a configuration for http runs for ws services, too, and
	// one for https for wss, though its protocols do not name them. So what
	// keeps requests out keeps WebSockets out as well (why.md).
	GuardsWebSockets bool
	// New makes the handler of one configuration. Nil for a foreign Runtime.
	New Factory
	// Runtime runs the plugin's phases where they are not Go.
	Runtime Runtime
}

// Factory decodes a schema-checked configuration and makes its handler.
type Factory func(config map[string]any) (Handler, error)

// Handler implements one or more of the phase interfaces.
type Handler any

// Of makes a Factory from a constructor that takes a decoded config struct.
func Of[C any](newHandler func(*C) Handler) Factory {
	return func(config map[string]any) (Handler, error) {
		c := new(C)
		if err := schema.Decode(config, c); err != nil {
			return nil, err
		}
		return newHandler(c), nil
	}
}

// Before says whether p runs before q within a phase.
func (p *Plugin) Before(q *Plugin) bool {
	if p.Priority != q.Priority {
		return p.Priority > q.Priority
	}
	return p.Name > q.Name
}

var registry = struct {
	sync.Mutex
	byName map[string]*Plugin
}{byName: map[string]*Plugin{}}

// Register adds a bundled plugin. It panics on a second one of the same name:
// that is a mistake of the build, not of a configuration.
func Register(p Plugin) {
	registry.Lock()
	defer registry.Unlock()
	if _, twice := registry.byName[p.Name]; twice {
		panic(fmt.Sprintf("plugin %q is registered twice", p.Name))
	}
	if p.Phases == 0 && p.New != nil && p.Runtime == nil {
		panic(fmt.Sprintf("plugin %q declares no phases", p.Name))
	}
	registry.byName[p.Name] = &p
}

// Bundled is the registered plugin called name.
func Bundled(name string) (*Plugin, bool) {
	registry.Lock()
	defer registry.Unlock()
	p, ok := registry.byName[name]
	return p, ok
}

// BundledNames lists the registered plugins, sorted.
func BundledNames() []string {
	registry.Lock()
	defer registry.Unlock()
	names := make([]string, 0, len(registry.byName))
	for n := range registry.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
