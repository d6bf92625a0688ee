package lua

import (
	"fmt"
	"slices"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// run is the context of Lua code that runs: a phase of a request, a timer, or
// neither (worker start, load time).
type run struct {
	vm    *VM
	kong  *pdk.Kong // nil without a request
	phase phase.Phase
	// in is the run as the VM knows it while threads of it wait.
	in luajit.Run
	// waits are the calls that threads of the run wait for.
	waits []*Call
	// suspended: who waits for the run's end is told by Resume.
	suspended bool
	// kept: a Call that may be held refers to the run, so it is not used again.
	kept bool
	// refused is the status with which a retry callback ended its request.
	refused int
	// ended: the run is over, or its request is; late answers do nothing.
	ended bool
	// spins counts operations that were answered at once.
	spins int
	// beside is told of the end of a run that goes on beside that of a request's
	// handlers (abort.go); nil for all others.
	beside func(plugin.Outcome)
	// then is called at the end of a run without a request.
	then func()
	// eval is the code of a configuration that the run is about; nil mostly.
	eval *evaluation
}

// idle is the context of code without a request.
func idle(vm *VM, ph phase.Phase) *run { return &run{vm: vm, phase: ph} }

// hold notes a call that a thread waits for.
func (r *run) hold(c *Call, thread uint64) {
	c.args.Own()
	c.thread, c.suspended, c.at = thread, true, len(r.waits)
	r.waits = append(r.waits, c)
	r.kept = true
}

// unhold forgets it.
func (r *run) unhold(c *Call) {
	last := len(r.waits) - 1
	r.waits[last].at = c.at
	r.waits[c.at] = r.waits[last]
	r.waits[last] = nil
	r.waits = r.waits[:last]
	c.suspended = false
}

// cancel tells what the run's threads wait for that nobody waits any more.
func (r *run) cancel() {
	r.ended = true
	for len(r.waits) > 0 {
		r.waits[len(r.waits)-1].drop()
	}
}

// logContext is what a log line says about where it came from.
func (r *run) logContext() log.Context {
	if r.kong != nil {
		return r.kong.LogContext()
	}
	c := log.Context{}
	switch r.phase {
	case phase.InitWorker, phase.Configure:
		c.Phase = "init_worker_by_lua*"
	case phase.Timer:
		c.Phase = "ngx.timer"
	}
	return c
}

// enter runs a phase of calls for a request.
func (vm *VM) enter(k *pdk.Kong, ph phase.Phase, calls []*plugin.Bound) plugin.Outcome {
	if err := vm.gather(calls); err != nil {
		k.Failure("lua", ph.String(), err)
		return plugin.Fail
	}
	r := vm.newRun(k, ph)
	return vm.drive(r, vm.first(r))
}

// newRun gives a run, the last one again if nobody refers to it.
func (vm *VM) newRun(k *pdk.Kong, ph phase.Phase) *run {
	r := vm.spare
	if r == nil {
		r = &run{}
	}
	vm.spare = nil
	*r = run{vm: vm, kong: k, phase: ph}
	return r
}

func (vm *VM) gather(calls []*plugin.Bound) error {
	if len(calls) > luajit.MaxCalls {
		return fmt.Errorf("%d Lua plugins in one phase, at most %d can run", len(calls), luajit.MaxCalls)
	}
	if slices.Equal(calls, vm.asked) { // mostly the same ones in the next phase, and request
		return nil
	}
	vm.asked, vm.calls = vm.asked[:0], vm.calls[:0]
	for _, b := range calls {
		lb, err := vm.bind(b)
		if err != nil {
			vm.asked = vm.asked[:0]
			return err
		}
		vm.asked, vm.calls = append(vm.asked, b), append(vm.calls, lb)
	}
	vm.lj.Use(vm.calls)
	return nil
}

func (vm *VM) first(r *run) luajit.Event {
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	defer vm.end()
	if w := r.kong.WebSocket; w != nil && r.phase&framePhases != 0 {
		f := &w.InFlight
		return vm.lj.EnterFrame(r.kong.X.Shared, uint32(r.phase), f.Data, uint8(f.Type), f.Status)
	}
	return vm.lj.Enter(r.kong.X.Shared, uint32(r.phase))
}

// drive goes on with a run until it ends or has to wait.
func (vm *VM) drive(r *run, ev luajit.Event) plugin.Outcome {
	vm.driving++
	defer func() { vm.driving-- }()
	for {
		vm.flush(r)
		switch ev.Kind {
		case luajit.Done:
			return vm.over(r, r.outcome())
		case luajit.Respond:
			return vm.over(r, plugin.Respond)
		case luajit.Fail:
			vm.failure(r, ev)
			return vm.over(r, plugin.Fail)
		case luajit.Idle:
			if r.ended {
				return plugin.Suspend
			}
			if len(r.waits) == 0 {
				return vm.stuck(r, ev)
			}
			r.suspended = true
			vm.await(r)
			return plugin.Suspend
		}
		r.in = ev.Run
		c := vm.call(r, ev.Bound, ev.Op, ev.Data)
		if !c.answered && ev.Kind == luajit.Ask {
			c.Fail(fmt.Sprintf("operation %q did not answer at once", ops.names[ev.Op]))
		}
		if !c.answered {
			r.hold(c, ev.Thread)
			if !ev.More {
				ev = luajit.Event{Kind: luajit.Idle}
				continue
			}
			vm.begin(r)
			ev = vm.lj.Continue(ev.Run)
			vm.end()
			continue
		}
		if r.spins++; r.spins%maxSpins == 0 && vm.worker != nil && vm.worker.Loop != nil {
			// A handler that goes on and on with operations that need not wait
			// (a loop over a broken socket) must not keep everybody else waiting.
			c.results = slices.Clone(c.results)
			r.hold(c, ev.Thread)
			vm.worker.Loop.Post(func() { vm.wake(c) })
			ev = luajit.Event{Kind: luajit.Idle}
			continue
		}
		results, failed := c.results, c.failed
		if c.passing {
			vm.spareCall = c
		}
		vm.begin(r)
		ev = vm.lj.Resume(ev.Thread, results, failed)
		vm.end()
	}
}

// maxSpins is how many operations a run may have answered at once before
// others get their turn.
const maxSpins = 1000

// stuck ends a run whose threads wait for each other only.
func (vm *VM) stuck(r *run, ev luajit.Event) plugin.Outcome {
	vm.lj.Abandon(r.in)
	ev.Data = []byte("all threads of the handler wait for each other")
	vm.failure(r, ev)
	return vm.over(r, plugin.Fail)
}

// over ends a run.
func (vm *VM) over(r *run, out plugin.Outcome) plugin.Outcome {
	r.cancel()
	if r.kong != nil {
		if r.phase&framePhases != 0 {
			vm.frameOver(r.kong)
		}
		r.kong.Current = nil
		vm.awaited(r)
	}
	if r.then != nil {
		r.then()
	}
	if !r.kept {
		vm.spare = r
	}
	vm.settle()
	return out
}

// wake goes on with a run whose operation answered after it had returned.
func (vm *VM) wake(c *Call) {
	r := c.run
	if r.ended || vm.lj == nil || !c.suspended {
		return
	}
	if vm.inside > 0 || vm.driving > 0 { // another thread's operation answered this one: Lua runs
		c.results = slices.Clone(c.results)
		vm.worker.Loop.Post(func() { vm.wake(c) })
		return
	}
	r.unhold(c)
	vm.awaited(r)
	r.suspended = false
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	ev := vm.lj.Resume(c.thread, c.results, c.failed)
	vm.end()
	out := vm.drive(r, ev)
	switch {
	case out == plugin.Suspend || r.kong == nil:
	case r.beside != nil:
		r.beside(out)
	default:
		r.kong.Host.Resume(uint8(out))
	}
	vm.leave()
}

// start begins a run without a request: fn with args, in phase ph. then is
// called when it is over.
func (vm *VM) start(ph phase.Phase, fn int, args []byte, then func()) {
	r := &run{vm: vm, phase: ph, kept: true, then: then}
	vm.runs[r] = struct{}{}
	r.then = func() {
		delete(vm.runs, r)
		vm.sockets.closeAll(r)
		if then != nil {
			then()
		}
	}
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	ev := vm.lj.Start(uint32(ph), nil, fn, args)
	vm.end()
	vm.drive(r, ev)
}

// abandon ends a run whose request is no more.
func (vm *VM) abandon(r *run) {
	r.cancel()
	vm.lj.Abandon(r.in)
}

// filter runs body_filter.
func (vm *VM) filter(k *pdk.Kong, calls []*plugin.Bound, chunk []byte, last bool) ([]byte, plugin.Outcome) {
	if err := vm.gather(calls); err != nil {
		k.Failure("lua", phase.BodyFilter.String(), err)
		return nil, plugin.Fail
	}
	r := vm.newRun(k, phase.BodyFilter)
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	ev := vm.lj.Filter(k.X.Shared, chunk, last)
	vm.end()
	out := vm.drive(r, luajit.Event{Kind: ev.Kind, Data: ev.Data, Bound: ev.Bound})
	if out != plugin.Continue {
		return nil, out
	}
	return ev.Data, plugin.Continue
}

// failure logs why a handler failed, with its traceback. In access and its
// like the line is the plugin's own, as the reference has it; elsewhere the
// reference's line does not begin with the plugin, so neither does this one.
func (vm *VM) failure(r *run, ev luajit.Event) {
	name := ""
	if ev.Bound != nil {
		name = ev.Bound.Name
	}
	var text string
	switch r.phase {
	case phase.Timer:
		text = "[lua] entry thread of a timer aborted: " + string(ev.Data)
	case phase.Access, phase.Preread, phase.WSHandshake:
		text = "[lua] " + r.phase.String() + ": [" + name + "] " + string(ev.Data)
	default:
		text = fmt.Sprintf("[lua] %s of plugin %q failed: %s", r.phase, name, ev.Data)
	}
	c := r.logContext()
	vm.rt.log().Message(log.Error, &c, text)
}
