package lua

import (
	"fmt"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// VM is one LuaJIT VM of a worker: one generation of the plugins' code. Its
// methods belong to the worker's loop.
//
// Its life: newVM loads the library and every handler → start runs init_worker
// → configure, again for each later snapshot → requests run → retired when a
// newer VM takes its place → closed with the last request that it serves.
type VM struct {
	lj     *luajit.VM
	rt     *Runtime
	worker *worker.Worker
	slot   worker.Slot // see state
	id     int32

	handlers map[string]*luajit.Handler
	bound    map[uint64]*luajit.Bound // by plugin.Bound.Serial
	started  map[string]*luajit.Bound // by plugin name: init_worker, configure
	// evaluators run code of configurations, by the name of the plugin that asks (eval.go).
	evaluators map[string]*luajit.Bound
	// borrowed are handlers of Go plugins that Lua plugins wrap, by configuration (ops_bundled.go).
	borrowed map[*plugin.Plugin]map[string]plugin.Handler
	retryFn  int // gibbon.retry, once a request needed it
	abortFn  int // gibbon.on_abort, likewise
	stale    []*luajit.Bound

	calls []*luajit.Bound // of the last entry, for asked
	asked []*plugin.Bound
	spare *run // used again by the next entry
	// spareCall is used again by the next operation.
	spareCall *Call
	upcall    *run // the run that is inside C
	inside    int  // entries under way: answers have to be posted
	driving   int  // the same, of what stands around entries
	waiting   map[*pdk.Kong]*run
	beside    map[*pdk.Kong]*run // see run.beside
	requests  int                // that hold this VM until Release
	retired   bool

	results []byte         // scratch of Call.Return
	fields  luajit.Strings // scratch of receiveHead

	// runs are those without a request that wait (timers).
	runs      map[*run]struct{}
	timers    timers
	tokens    tokens
	sockets   sockets
	processes processes
	tls       sessions
	// loading are the entities of plugins that the control VM has read: code
	// of api.lua refers to their schemas before anything is stored.
	loading []*schema.Schema
}

// currentOf is what a bound's tag holds.
type currentOf struct{ pdk.Current }

// options are a VM's.
func (rt *Runtime) options(ask func(int, []byte) ([]byte, bool, bool)) luajit.Options {
	return luajit.Options{
		MemoryLimit: rt.o.MemoryLimit, WorkerCount: rt.o.Workers, LogLevel: int(rt.level()),
		Ops: ops.names, Ask: ask, Path: rt.o.path(), CPath: rt.o.cpath(),
	}
}

// newVM makes a VM for w with the library set up and the handlers of plugins loaded.
func newVM(rt *Runtime, w *worker.Worker, slot worker.Slot, id int32, plugins []*plugin.Plugin) (*VM, error) {
	vm := &VM{rt: rt, worker: w, slot: slot, id: id, handlers: map[string]*luajit.Handler{}, bound: map[uint64]*luajit.Bound{},
		started: map[string]*luajit.Bound{}, waiting: map[*pdk.Kong]*run{}, beside: map[*pdk.Kong]*run{}, runs: map[*run]struct{}{}}
	vm.timers.vm = vm
	o := rt.options(vm.answerUpcall)
	o.WorkerID = w.ID
	var err error
	if vm.lj, err = luajit.New(o); err != nil {
		return nil, err
	}
	rt.dog.watch(vm.lj, owner{w.ID, slot})
	if err = vm.setUp(); err == nil {
		err = vm.load(plugins)
	}
	if err != nil {
		vm.close()
		return nil, err
	}
	return vm, nil
}

// setUp runs the library's init.lua.
func (vm *VM) setUp() error {
	vm.begin(idle(vm, 0))
	subsystem := "http"
	if vm.slot == worker.SlotLuaStream {
		subsystem = "stream"
	}
	_, err := vm.lj.Eval(bootSource("setup.lua"), "=gibbon", luajit.AppendValue(nil, subsystem))
	vm.end()
	if err != nil {
		return fmt.Errorf("the Lua library does not load: %w", err)
	}
	return nil
}

// load loads the handlers of plugins that this VM has not loaded yet, and runs their init_worker.
func (vm *VM) load(plugins []*plugin.Plugin) error {
	var fresh []*luajit.Bound
	for _, p := range plugins {
		if vm.handlers[p.Name] != nil {
			continue
		}
		vm.begin(idle(vm, 0))
		ref, err := vm.lj.Keep(`return require("kong.plugins." .. ... .. ".handler")`, "=gibbon", luajit.AppendValue(nil, p.Name))
		vm.end()
		if err != nil {
			return fmt.Errorf("plugin %q: %w", p.Name, err)
		}
		h, err := vm.lj.Handler(p.Name, ref)
		if err != nil {
			return fmt.Errorf("plugin %q: %w", p.Name, err)
		}
		b, err := vm.lj.Bind(h, 0, "", "", nil)
		if err != nil {
			return fmt.Errorf("plugin %q: %w", p.Name, err)
		}
		b.Tag = &currentOf{pdk.Current{Name: p.Name}}
		vm.handlers[p.Name], vm.started[p.Name] = h, b
		fresh = append(fresh, b)
	}
	for _, b := range fresh { // all code is loaded before any of it runs
		vm.initWorker(vm.handlers[b.Name], b)
	}
	return nil
}

// bit numbers of phases.
const (
	bitInitWorker = 0
	bitConfigure  = 20
)

// initWorker runs a handler's init_worker. It may set the handler's functions,
// so they are looked up again.
func (vm *VM) initWorker(h *luajit.Handler, b *luajit.Bound) {
	if fn := h.Fn(bitInitWorker); fn != luajit.NoRef {
		vm.plain(b, fn, phase.InitWorker, nil)
		if err := vm.lj.Resolve(h); err != nil {
			vm.rt.log().Errorf("[lua] plugin %q: %s", b.Name, err)
		}
	}
}

// configure runs every handler's configure with all configurations of g.
func (vm *VM) configure(g *plugin.Generation) {
	for _, p := range g.Plugins {
		h, b := vm.handlers[p.Name], vm.started[p.Name]
		if h == nil || h.Fn(bitConfigure) == luajit.NoRef {
			continue
		}
		var configs any
		if all := g.Bound[p.Name]; len(all) > 0 {
			list := make([]any, 0, len(all))
			for _, pb := range all {
				lb, err := vm.bind(pb)
				if err != nil {
					vm.rt.log().Errorf("[lua] configuration of plugin %q: %s", p.Name, err)
					continue
				}
				list = append(list, lb.Conf())
			}
			configs = list
		}
		began := time.Now()
		vm.plain(b, h.Fn(bitConfigure), phase.Configure, luajit.AppendValue(nil, configs))
		if d := time.Since(began); d > 50*time.Millisecond {
			vm.rt.log().Noticef("[lua] configure of plugin %q took %d ms", p.Name, d.Milliseconds())
		}
	}
}

// plain calls fn outside of requests; an error is logged.
func (vm *VM) plain(b *luajit.Bound, fn int, ph phase.Phase, args []byte) {
	r := idle(vm, ph)
	vm.begin(r)
	_, err := vm.lj.Call(fn, b, uint32(ph), args)
	vm.end()
	vm.flush(r)
	if err != nil {
		c := log.Context{Phase: "init_worker_by_lua*"}
		vm.rt.log().Message(log.Error, &c, fmt.Sprintf("[lua] %s of plugin %q failed: %s", ph, b.Name, err))
	}
}

// bind gives the VM's form of a configuration, made on first use.
func (vm *VM) bind(b *plugin.Bound) (*luajit.Bound, error) {
	if lb := vm.bound[b.Serial]; lb != nil {
		return lb, nil
	}
	h := vm.handlers[b.Plugin.Name]
	if h == nil {
		return nil, fmt.Errorf("plugin %q is not loaded", b.Plugin.Name)
	}
	e := b.Entity
	lb, err := vm.lj.Bind(h, b.Serial, e.ID, e.InstanceName, confTable(b))
	if err != nil {
		return nil, err
	}
	lb.Tag = &currentOf{pdk.Current{Name: b.Plugin.Name, ID: e.ID, Instance: e.InstanceName}}
	vm.bound[b.Serial] = lb
	return lb, nil
}

// forget drops the tables of configurations that g no longer has. What a
// suspended handler may still use waits for the next generation.
func (vm *VM) forget(g *plugin.Generation) {
	live := map[uint64]bool{}
	for _, all := range g.Bound {
		for _, b := range all {
			live[b.Serial] = true
		}
	}
	vm.asked, vm.calls = nil, nil
	vm.lj.Use(nil)
	for serial, lb := range vm.bound {
		if !live[serial] {
			vm.stale = append(vm.stale, lb)
			delete(vm.bound, serial)
		}
	}
	if vm.lj.Live() == 0 {
		for _, lb := range vm.stale {
			vm.lj.Unbind(lb)
		}
		vm.stale = nil
	}
}

// begin and end stand around every entry into C.
func (vm *VM) begin(r *run) {
	vm.upcall = r
	vm.inside++
}

func (vm *VM) end() {
	vm.inside--
	vm.upcall = nil
}

// answerUpcall runs an operation of code that cannot yield.
func (vm *VM) answerUpcall(op int, args []byte) (results []byte, failed, ok bool) {
	r := vm.upcall
	if r == nil {
		return nil, false, false
	}
	c := vm.call(r, nil, op, args)
	if !c.answered {
		c.Fail(fmt.Sprintf("operation %q did not answer at once", ops.names[op]))
	}
	return c.results, c.failed, true
}

// call runs an operation.
func (vm *VM) call(r *run, b *luajit.Bound, op int, args []byte) *Call {
	c := vm.spareCall
	if c == nil {
		c = &Call{}
	}
	vm.spareCall = nil
	*c = Call{vm: vm, run: r}
	if !c.args.Set(args) {
		c.Fail("the arguments of the operation are malformed")
		return c
	}
	if b != nil && r.kong != nil {
		r.kong.Current = &b.Tag.(*currentOf).Current
	}
	if f := operation(op); f != nil {
		f(c)
	} else {
		c.Fail(fmt.Sprintf("there is no operation %d", op))
	}
	return c
}

// flush writes what Lua logged, with the request it belongs to.
func (vm *VM) flush(r *run) {
	var c *log.Context
	l := vm.rt.log()
	dropped := vm.lj.Log(func(level int, text []byte) {
		if c == nil {
			x := r.logContext()
			c = &x
		}
		l.Message(log.Level(level), c, string(text))
	})
	if dropped > 0 {
		l.Warnf("[lua] %d log lines of one handler found no room and were dropped", dropped)
	}
}

// settle looks after an entry at the VM's own state: memory, end of life.
func (vm *VM) settle() {
	if _, full := vm.lj.Memory(); full && !vm.retired {
		vm.rt.renew(vm)
	}
}

// leave closes a retired VM that nothing needs any more. It may be closed
// already: its last timer ended while the others were fired.
func (vm *VM) leave() {
	if vm.lj != nil && vm.retired && len(vm.timers.pending) == 0 && vm.requests <= 0 && vm.inside == 0 && vm.lj.Live() == 0 {
		vm.close()
	}
}

// stop ends what waits without a request: timers fire a last time, premature,
// and what still waits then is abandoned.
func (vm *VM) stop() {
	vm.timers.expire()
	for r := range vm.runs {
		vm.abandon(r)
	}
	clear(vm.runs)
	vm.sockets.end()
}

func (vm *VM) close() {
	if vm.lj != nil {
		vm.processes.end()
		vm.rt.dog.forget(vm.lj)
		vm.lj.Close()
		vm.lj = nil
	}
}
