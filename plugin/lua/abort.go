package lua

import (
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

var _ plugin.Aborter = (*Runtime)(nil)

func init() {
	RegisterOp("client.checked", func(c *Call) { c.Return(c.vm.rt.o.CheckClientAbort) })
}

// Aborted implements plugin.Aborter: with lua_check_client_abort, the callback
// of ngx.on_abort runs beside the handlers that wait, and ends them if it calls
// ngx.exit; without a callback they end at once.
func (rt *Runtime) Aborted(k *pdk.Kong) {
	if !rt.o.CheckClientAbort || k.X.LuaSpare == 0 {
		return
	}
	vm := rt.vmOf(k)
	if vm == nil || vm.waiting[k] == nil {
		return
	}
	r := vm.waiting[k]
	// Later, since Lua may run: what finds out that the client is gone can be an operation of it.
	vm.worker.Loop.Post(func() {
		if vm.lj != nil && !r.ended && vm.waiting[k] == r {
			vm.abort(r)
		}
	})
}

// abort runs ngx.on_abort's callback for the client of r.
func (vm *VM) abort(r *run) {
	k := r.kong
	if vm.abortFn == 0 {
		vm.begin(idle(vm, 0))
		ref, err := vm.lj.Keep(`return require("gibbon.on_abort")`, "=gibbon", nil)
		vm.end()
		if err != nil {
			k.Failure("lua", r.phase.String(), err)
			return
		}
		vm.abortFn = ref
	}
	a := &run{vm: vm, kong: k, phase: r.phase, kept: true}
	a.beside = func(out plugin.Outcome) {
		if out != plugin.Respond || r.ended || vm.waiting[k] != r {
			return
		}
		delete(vm.waiting, k)
		vm.abandon(r)
		k.Host.Resume(uint8(plugin.Respond))
	}
	before := k.Current
	vm.begin(a)
	ev := vm.lj.StartFor(k.X.Shared, uint32(r.phase), vm.abortFn)
	vm.end()
	out := vm.drive(a, ev)
	k.Current = before
	if out != plugin.Suspend {
		a.beside(out)
	}
	vm.leave()
}

// await notes that r waits; awaited, that it goes on or is over.
func (vm *VM) await(r *run) {
	switch {
	case r.kong == nil:
	case r.beside == nil:
		vm.waiting[r.kong] = r
	default:
		vm.beside[r.kong] = r
	}
}

func (vm *VM) awaited(r *run) {
	switch {
	case !r.suspended || r.kong == nil:
	case r.beside == nil:
		delete(vm.waiting, r.kong)
	default:
		delete(vm.beside, r.kong)
	}
}
