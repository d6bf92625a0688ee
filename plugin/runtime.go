package plugin

import (
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Outcome is what a step of a request's life ends with.
type Outcome uint8

// The outcomes.
const (
	// Continue with the next step.
	Continue Outcome = iota
	// Respond: a plugin made the response (pdk.Kong.Exit has it); the phase
	// ends and the response goes through header_filter and body_filter.
	Respond
	// Suspend: something else has the exchange now and calls
	// pdk.Host.Resume on the worker's loop when it is done.
	Suspend
	// Fail: the handler failed (already logged). In access and rewrite the client gets a 500;
	// in header_filter and body_filter the connection closes.
	Fail
)

// Bound is one configuration of a plugin, ready to run: made when a snapshot
// is built, immutable, shared by all workers.
type Bound struct {
	Plugin *Plugin
	// Entity is the stored configuration (ids, scope, Config as a record).
	Entity *entity.Plugin
	// Handler is New's result; nil for a foreign runtime.
	Handler Handler
	// Serial is unique among all Bounds of the process: a runtime keys its own
	// form of the configuration by it.
	Serial uint64
}

// Runtime runs plugins that are not Go. Consecutive plugins of a phase that
// share a Runtime are run with one call.
//
// Run and Filter are called on the worker's loop. calls is immutable; it stays
// valid while the request's snapshot does.
type Runtime interface {
	// Run runs ph of calls[from:] in order, until one ends the phase. next is
	// how many of calls were begun. On Suspend the runtime itself goes on with
	// the remaining calls and reports the final outcome with k.Host.Resume.
	Run(k *pdk.Kong, ph phase.Phase, calls []*Bound) Outcome
	// Filter runs body_filter of calls on one chunk. The result stays valid
	// until the next call for the same worker.
	Filter(k *pdk.Kong, calls []*Bound, chunk []byte, last bool) ([]byte, Outcome)
	// Start makes the runtime ready on w and runs init_worker, then configure, of all
	// plugins of the generation (see Generation). It is called on w's loop
	// before w takes requests, and again for every new generation.
	Start(w *worker.Worker, g *Generation) error
	// Stop drops what the runtime keeps for w.
	Stop(w *worker.Worker)
	// Release is called when a request that the runtime served ends, after log.
	Release(k *pdk.Kong)
}

// Aborter is a Runtime that wants to know when the client of a request goes
// while handlers of the request wait in it.
type Aborter interface {
	// Aborted is called on the worker's loop. Handlers that end by it end the
	// request, with k.Host.Resume.
	Aborted(k *pdk.Kong)
}

// Generation is what a runtime needs to know of a snapshot: every loaded
// plugin and every bound configuration.
type Generation struct {
	// Number grows with each snapshot.
	Number uint64
	// CodeChanged asks for fresh code: a reload, not just another configuration.
	CodeChanged bool
	// Plugins are the loaded plugins of this runtime in order of execution.
	Plugins []*Plugin
	// Bound holds each plugin's configurations by name.
	Bound map[string][]*Bound
}
