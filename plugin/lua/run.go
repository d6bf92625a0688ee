package lua

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// run is the context of Lua code that runs: a phase of a request, or none
// (worker start, load time; timers come here too).
type run struct {
	vm    *VM
	kong  *pdk.Kong // nil without a request
	phase phase.Phase
	// suspended: a coroutine waits, and who waits for the run's end is told by over.
	suspended bool
	// thread is the one that waits.
	thread uint64
	// kept: a Call that may be held refers to the run, so it is not used again.
	kept bool
	// gone: the request ended while the run waited; late answers do nothing.
	gone bool
}

// idle is the context of code without a request.
func idle(vm *VM, ph phase.Phase) *run { return &run{vm: vm, phase: ph} }

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
	vm.calls = vm.calls[:0]
	for _, b := range calls {
		lb, err := vm.bind(b)
		if err != nil {
			return err
		}
		vm.calls = append(vm.calls, lb)
	}
	return nil
}

func (vm *VM) first(r *run) luajit.Event {
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	ev := vm.lj.Enter(r.kong.X.Shared, uint32(r.phase), vm.calls)
	vm.end()
	return ev
}

// drive goes on with a run until it ends or has to wait.
func (vm *VM) drive(r *run, ev luajit.Event) plugin.Outcome {
	for {
		vm.flush(r)
		switch ev.Kind {
		case luajit.Done:
			return vm.over(r, plugin.Continue)
		case luajit.Respond:
			return vm.over(r, plugin.Respond)
		case luajit.Fail:
			vm.failure(r, ev)
			return vm.over(r, plugin.Fail)
		}
		c := vm.call(r, ev.Bound, ev.Op, ev.Data)
		if !c.answered && ev.Kind == luajit.Ask {
			c.Fail(fmt.Sprintf("operation %q did not answer at once", ops.names[ev.Op]))
		}
		if !c.answered {
			r.kept = true
			c.thread, c.suspended = ev.Thread, true
			r.suspended, r.thread = true, ev.Thread
			if r.kong != nil {
				vm.waiting[r.kong] = r
			}
			return plugin.Suspend
		}
		vm.begin(r)
		ev = vm.lj.Resume(ev.Thread, c.results, c.failed)
		vm.end()
	}
}

// over ends a run.
func (vm *VM) over(r *run, out plugin.Outcome) plugin.Outcome {
	if r.kong != nil {
		r.kong.Current = nil
		if r.suspended {
			delete(vm.waiting, r.kong)
		}
	}
	if !r.kept {
		vm.spare = r
	}
	vm.settle()
	return out
}

// wake goes on with a run whose operation answered after it had returned.
func (vm *VM) wake(c *Call) {
	if vm.inside > 0 { // another coroutine's operation answered this one: Lua runs
		vm.worker.Loop.Post(func() { vm.wake(c) })
		return
	}
	r := c.run
	if r.gone || vm.lj == nil {
		return
	}
	r.suspended = false
	delete(vm.waiting, r.kong)
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	ev := vm.lj.Resume(c.thread, c.results, c.failed)
	vm.end()
	out := vm.drive(r, ev)
	if out != plugin.Suspend && r.kong != nil {
		r.kong.Host.Resume(uint8(out))
	}
	vm.leave()
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
	ev := vm.lj.Filter(k.X.Shared, vm.calls, chunk, last)
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
	case phase.Access, phase.Preread, phase.WSHandshake, phase.Response:
		text = "[lua] " + r.phase.String() + ": [" + name + "] " + string(ev.Data)
	default:
		text = fmt.Sprintf("[lua] %s of plugin %q failed: %s", r.phase, name, ev.Data)
	}
	c := r.logContext()
	vm.rt.log().Message(log.Error, &c, text)
}
