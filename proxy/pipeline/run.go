package pipeline

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Run is a request's way through its plan. The proxy keeps one per request and
// calls Phase again after a suspension, which goes on where it stopped.
type Run struct {
	plan *Plan
	// next unit of the phase, or next plugin of access when dynamic.
	next  int
	phase phase.Phase
	// dynamic: the consumer decides what runs, and access collects it.
	dynamic bool
	// collected in access where the plan is dynamic.
	collected []*plugin.Bound
	// runtimes that hold something of this request.
	runtimes []plugin.Runtime
	current  pdk.Current
	// frames are the units of the frame phases where the plan is dynamic; nil before the first frame.
	frames *[2][]Unit
	// timings are filled in where request debugging asks, else nil.
	timings *Timings
}

// Begin starts a request on plan (the global one at first).
func (r *Run) Begin(plan *Plan) {
	r.plan, r.next, r.phase, r.dynamic = plan, 0, 0, false
	r.collected, r.runtimes = r.collected[:0], r.runtimes[:0]
	r.frames, r.timings = nil, nil
}

// Route moves on to the plan of the route that was found.
func (r *Run) Route(plan *Plan) {
	r.plan, r.dynamic = plan, plan.dynamic
}

// Plan is the plan in use.
func (r *Run) Plan() *Plan { return r.plan }

// NeedsBuffering says whether a plugin with a response phase runs.
func (r *Run) NeedsBuffering() bool {
	if !r.dynamic {
		return r.plan.Buffering
	}
	for _, b := range r.collected {
		if b.Plugin.Phases&phase.Response != 0 {
			return true
		}
	}
	return false
}

// Phase runs ph until it ends or suspends. After Suspend and
// Resume(Continue), calling it again with the same phase goes on.
func (r *Run) Phase(k *pdk.Kong, ph phase.Phase) plugin.Outcome {
	if r.phase != ph {
		r.phase, r.next = ph, 0
		k.Phase = ph
		k.X.Phase = uint32(ph)
	}
	if r.dynamic && ph&collecting != 0 {
		return r.collect(k, ph)
	}
	units := r.unitsFor(ph)
	if r.timings != nil {
		units = r.timings.calls(units)
	}
	for r.next < len(units) {
		u := &units[r.next]
		r.next++
		if out := r.unit(k, ph, u); out != plugin.Continue {
			return out
		}
	}
	r.timings.Stop()
	k.Current = nil
	return plugin.Continue
}

// collecting are the phases in which a request collects its configurations.
const collecting = phase.Access | phase.WSHandshake

// Frames says whether handlers see the frames of a WebSocket.
func (r *Run) Frames() bool {
	return len(r.unitsFor(phase.WSClientFrame)) > 0 || len(r.unitsFor(phase.WSUpstreamFrame)) > 0
}

// Frame is Phase for ws_client_frame and ws_upstream_frame, which run once for
// every frame. After a suspension Phase goes on.
func (r *Run) Frame(k *pdk.Kong, ph phase.Phase) plugin.Outcome {
	r.phase = 0
	return r.Phase(k, ph)
}

// Skip ends the running phase: nothing more of it runs.
func (r *Run) Skip() { r.next = 1 << 30 }

// unitsFor gives the units of ph for this request.
func (r *Run) unitsFor(ph phase.Phase) []Unit {
	if r.dynamic && ph != phase.Rewrite && ph != phase.Certificate {
		switch ph {
		case phase.WSClientFrame, phase.WSUpstreamFrame: // joined once, not for every frame
			i := unitsOf(ph) - unitsWSClientFrame
			if r.frames == nil {
				r.frames = new([2][]Unit)
			}
			if r.frames[i] == nil {
				r.frames[i] = append([]Unit{}, join(r.collected, ph)...)
			}
			return r.frames[i]
		}
		return join(r.collected, ph)
	}
	return r.plan.units[unitsOf(ph)]
}

// collect runs access where the consumer decides: each plugin's configuration
// is chosen when its turn comes, and kept for the later phases.
func (r *Run) collect(k *pdk.Kong, ph phase.Phase) plugin.Outcome {
	for r.next < len(r.plan.set.ordered) {
		b := r.choose(k, r.next)
		r.next++
		if b == nil {
			continue
		}
		r.collected = append(r.collected, b)
		if b.Plugin.Phases&ph == 0 {
			continue
		}
		u := Unit{Runtime: b.Plugin.Runtime, Calls: []*plugin.Bound{b}, Inline: inline(b.Plugin, ph)}
		if out := r.unit(k, ph, &u); out != plugin.Continue {
			if out == plugin.Respond || out == plugin.Fail {
				r.CollectRest(k)
			}
			return out
		}
	}
	r.timings.Stop()
	k.Current = nil
	return plugin.Continue
}

// CollectRest chooses the configurations that access did not get to: their
// later phases run all the same.
func (r *Run) CollectRest(k *pdk.Kong) {
	if !r.dynamic || r.phase&collecting == 0 {
		return
	}
	for ; r.next < len(r.plan.set.ordered); r.next++ {
		if b := r.choose(k, r.next); b != nil {
			r.collected = append(r.collected, b)
		}
	}
}

func (r *Run) choose(k *pdk.Kong, i int) *plugin.Bound {
	at := r.plan.at
	at.Consumer = k.ConsumerID()
	var groups []string
	if r.plan.set.grouped {
		groups = k.ConsumerGroups()
	}
	b := r.plan.set.ordered[i].choose(at, groups)
	if b == nil || k.Router.Route != nil && !allows(b, k.Router.Route.Protocols) {
		return nil
	}
	return b
}

func (r *Run) unit(k *pdk.Kong, ph phase.Phase, u *Unit) plugin.Outcome {
	if r.timings != nil {
		r.timings.begin(ph, u.Calls[0])
	}
	if u.Runtime != nil {
		r.holds(u.Runtime)
		return u.Runtime.Run(k, ph, u.Calls)
	}
	b := u.Calls[0]
	r.enter(k, b)
	if u.Inline {
		if err := call(k, ph, b); !errors.Is(err, pdk.ErrBlocks) || ph&mayBlock == 0 {
			return r.settle(k, ph, b, err)
		}
	}
	return r.job(k, ph, b)
}

// job runs a handler in a goroutine. It is apart from unit, whose variables
// must stay on the stack.
func (r *Run) job(k *pdk.Kong, ph phase.Phase, b *plugin.Bound) plugin.Outcome {
	var err error
	k.InJob = true
	k.Worker.Loop.Go(func() { err = call(k, ph, b) }, func() {
		k.InJob = false
		k.Host.Resume(uint8(r.settle(k, ph, b, err)))
	})
	return plugin.Suspend
}

// mayBlock are the phases in which a handler may ask to run again in a job.
const mayBlock = phase.Rewrite | phase.Access | phase.Response | phase.Certificate | phase.Preread |
	phase.WSHandshake | phase.WSClientFrame | phase.WSUpstreamFrame

// enter names the plugin that runs from now on.
func (r *Run) enter(k *pdk.Kong, b *plugin.Bound) {
	r.current = pdk.Current{Name: b.Plugin.Name, ID: b.Entity.ID, Instance: b.Entity.InstanceName}
	k.Current = &r.current
}

func (r *Run) holds(rt plugin.Runtime) {
	for _, h := range r.runtimes {
		if h == rt {
			return
		}
	}
	r.runtimes = append(r.runtimes, rt)
}

// Aborted tells the runtimes that the client is gone.
func (r *Run) Aborted(k *pdk.Kong) {
	for _, rt := range r.runtimes {
		if a, ok := rt.(plugin.Aborter); ok {
			a.Aborted(k)
		}
	}
}

// End lets go of what runtimes hold for the request.
func (r *Run) End(k *pdk.Kong) {
	for i, rt := range r.runtimes {
		rt.Release(k)
		r.runtimes[i] = nil
	}
	r.runtimes = r.runtimes[:0]
}

// settle turns a handler's error into an outcome and logs what went wrong.
func (r *Run) settle(k *pdk.Kong, ph phase.Phase, b *plugin.Bound, err error) plugin.Outcome {
	switch {
	case err == nil:
		return plugin.Continue
	case errors.Is(err, pdk.ErrExit):
		return plugin.Respond
	}
	k.Failure(b.Plugin.Name, ph.String(), err)
	if ph == phase.Log || ph == phase.WSClose {
		return plugin.Continue
	}
	return plugin.Fail
}

// panicked is a panic in a handler as an error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// call runs one phase of a Go handler; a panic is an error of this request only.
func call(k *pdk.Kong, ph phase.Phase, b *plugin.Bound) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	switch ph {
	case phase.Access:
		return b.Handler.(plugin.Accessor).Access(k)
	case phase.HeaderFilter:
		return b.Handler.(plugin.HeaderFilterer).HeaderFilter(k)
	case phase.Log:
		return b.Handler.(plugin.Logger).Log(k)
	case phase.Rewrite:
		return b.Handler.(plugin.Rewriter).Rewrite(k)
	case phase.Response:
		return b.Handler.(plugin.Responder).Response(k)
	case phase.Certificate:
		return b.Handler.(plugin.Certificate).Certificate(k)
	case phase.Preread:
		return b.Handler.(plugin.Prereader).Preread(k)
	case phase.WSHandshake:
		return b.Handler.(plugin.WSHandshaker).WSHandshake(k)
	case phase.WSClientFrame:
		return b.Handler.(plugin.WSClientFramer).WSClientFrame(k, k.WebSocket.InFlight)
	case phase.WSUpstreamFrame:
		return b.Handler.(plugin.WSUpstreamFramer).WSUpstreamFrame(k, k.WebSocket.InFlight)
	case phase.WSClose:
		return b.Handler.(plugin.WSCloser).WSClose(k)
	}
	return fmt.Errorf("phase %s is not run by the pipeline", ph)
}

// Filters says whether body_filter has anything to run.
func (r *Run) Filters() bool {
	if r.dynamic {
		return len(r.unitsFor(phase.BodyFilter)) > 0
	}
	return len(r.plan.units[unitsBodyFilter]) > 0
}

// Filter runs body_filter on one chunk, through all plugins in order. The
// result is valid until the next call on this worker.
func (r *Run) Filter(k *pdk.Kong, chunk []byte, last bool) ([]byte, plugin.Outcome) {
	units := r.unitsFor(phase.BodyFilter)
	r.phase = phase.BodyFilter
	k.Phase = phase.BodyFilter
	k.X.Phase = uint32(phase.BodyFilter)
	if r.timings != nil {
		units = r.timings.calls(units)
	}
	for i := range units {
		u := &units[i]
		if r.timings != nil {
			r.timings.begin(phase.BodyFilter, u.Calls[0])
		}
		if u.Runtime != nil {
			r.holds(u.Runtime)
			var out plugin.Outcome
			if chunk, out = u.Runtime.Filter(k, u.Calls, chunk, last); out != plugin.Continue {
				return chunk, out
			}
			continue
		}
		b := u.Calls[0]
		r.enter(k, b)
		out, err := filter(k, b, chunk, last)
		if err != nil {
			k.Failure(b.Plugin.Name, "body_filter", err)
			return nil, plugin.Fail
		}
		chunk = out
	}
	r.timings.Stop()
	k.Current = nil
	return chunk, plugin.Continue
}

func filter(k *pdk.Kong, b *plugin.Bound, chunk []byte, last bool) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return b.Handler.(plugin.BodyFilterer).BodyFilter(k, chunk, last)
}
