package lua

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Options of the Lua runtime. Zero values are the defaults.
type Options struct {
	// PackagePath and PackageCPath are lua_package_path and lua_package_cpath;
	// Debian's folders of Lua modules follow them.
	PackagePath, PackageCPath string
	// MemoryLimit of one VM's heap in bytes; default 512 MiB.
	MemoryLimit uint64
	// TimeBudget is how much processor time a handler may use between two
	// suspensions; default 10 s.
	TimeBudget time.Duration
	// Stream: the node serves L4 sessions, for which every worker has one more
	// VM (ngx.config.subsystem "stream").
	Stream bool
	// Workers is the number of workers (ngx.worker.count); default 1.
	Workers int
	// CheckClientAbort: handlers that wait are told when the client goes
	// (lua_check_client_abort, ngx.on_abort).
	CheckClientAbort bool
	// ThreadPools are those of ngx.run_worker_thread beside "default".
	ThreadPools []ThreadPool
	// SocketPoolSize is how many idle connections a pool of sockets keeps that
	// names no size (lua_socket_pool_size); default 30.
	SocketPoolSize int
	// RegexMatchLimit bounds the steps of one match of ngx.re, RegexCacheEntries the patterns that a
	// VM keeps compiled (lua_regex_match_limit, lua_regex_cache_max_entries); default 100000 and 8192.
	RegexMatchLimit, RegexCacheEntries int
	// MaxPendingTimers and MaxRunningTimers bound the timers of one VM (lua_max_pending_timers,
	// lua_max_running_timers; a timer costs about 1 KB); default 16384 and 4096.
	MaxPendingTimers, MaxRunningTimers int
	// Settings, if set, reads a setting of the gateway by its name in
	// kong.conf, nil if there is none. Code that runs while plugins are loaded
	// sees it (kong.configuration, ngx.shared, ngx.config.prefix); afterwards
	// the gateway's own counts.
	Settings func(name string) any
	// Log is the error log; nil drops everything.
	Log *log.Logger
	// Dial, if set, gives TCP sockets of Lua code their connections, as
	// proxy.Server.Dial does for services.
	Dial func(addr netip.AddrPort) (fd int, err error)
}

// DefaultMemoryLimit and DefaultTimeBudget are Options' defaults.
const (
	DefaultMemoryLimit = 512 << 20
	DefaultTimeBudget  = 10 * time.Second
)

const (
	debianPath  = "/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua;/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"
	debianCPath = "/usr/local/lib/lua/5.1/?.so;/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;/usr/lib/lua/5.1/?.so"
)

// bound puts the defaults of limits in place.
func (o *Options) bound() {
	for _, l := range []struct {
		limit *int
		usual int
	}{
		{&o.SocketPoolSize, socket.DefaultSize}, {&o.RegexMatchLimit, 100000}, {&o.RegexCacheEntries, 8192},
		{&o.MaxPendingTimers, 16384}, {&o.MaxRunningTimers, 4096},
	} {
		if *l.limit <= 0 {
			*l.limit = l.usual
		}
	}
}

func (o *Options) path() string  { return joinPath(o.PackagePath, debianPath) }
func (o *Options) cpath() string { return joinPath(o.PackageCPath, debianCPath) }

func joinPath(set, own string) string {
	set = strings.Trim(strings.ReplaceAll(set, ";;", ";"), ";")
	if set == "" {
		return own
	}
	return set + ";" + own
}

// Runtime runs Lua plugins; it is the plugin.Runtime of all of them.
type Runtime struct {
	o       Options
	gw      atomic.Pointer[pdk.Gateway]
	dog     watchdog
	nextVM  atomic.Int32
	mu      sync.Mutex
	control *control
	threads threads
	// roots are the authorities of the setting rootsOf.
	roots   *socket.Roots
	rootsOf string
}

var _ plugin.Runtime = (*Runtime)(nil)

// New makes the runtime. Close ends it.
func New(o Options) (*Runtime, error) {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = DefaultMemoryLimit
	}
	if o.TimeBudget == 0 {
		o.TimeBudget = DefaultTimeBudget
	}
	o.Workers = max(o.Workers, 1)
	o.bound()
	if err := embedLibrary(); err != nil {
		return nil, fmt.Errorf("Lua library: %w", err)
	}
	rt := &Runtime{o: o}
	rt.threads.init(rt, o.ThreadPools)
	rt.dog.start(o.TimeBudget)
	pdk.SetLuaCheck(rt.CheckCode)
	return rt, nil
}

// SetGateway says what operations find in Call.Gateway. Call it before the
// first Start; the error log of Options stays.
func (rt *Runtime) SetGateway(g *pdk.Gateway) { rt.gw.Store(g) }

// Close ends the runtime. Stop has been called for every worker.
func (rt *Runtime) Close() {
	rt.threads.close()
	rt.dog.stop()
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.control != nil {
		rt.control.close()
		rt.control = nil
	}
}

func (rt *Runtime) gateway() *pdk.Gateway { return rt.gw.Load() }

func (rt *Runtime) log() *log.Logger { return rt.o.Log }

func (rt *Runtime) level() log.Level { return rt.o.Log.Level() }

// state is what a worker's slot holds.
type state struct {
	// slot of the worker: SlotLua for requests, SlotLuaStream for L4 sessions.
	slot    worker.Slot
	current *VM
	// retired VMs still serve requests that began with them.
	retired []*VM
	last    *plugin.Generation
	// renewing: a VM to take the current one's place was asked for.
	renewing bool
	// pools are idle connections of Lua code's sockets.
	pools *socket.Pools
}

// stateOf is the state of the VMs for requests, stateIn of one subsystem,
// stateFor of the one that serves k.
func stateOf(w *worker.Worker) *state { return stateIn(w, worker.SlotLua) }

func stateIn(w *worker.Worker, slot worker.Slot) *state {
	s, _ := w.Get(slot).(*state)
	return s
}

func stateFor(k *pdk.Kong) *state {
	if k.Stream != nil {
		return stateIn(k.Worker, worker.SlotLuaStream)
	}
	return stateOf(k.Worker)
}

// Start implements plugin.Runtime.
func (rt *Runtime) Start(w *worker.Worker, g *plugin.Generation) error {
	if err := rt.startIn(w, worker.SlotLua, g); err != nil || !rt.o.Stream {
		return err
	}
	return rt.startIn(w, worker.SlotLuaStream, g)
}

// startIn is Start for one subsystem.
func (rt *Runtime) startIn(w *worker.Worker, slot worker.Slot, g *plugin.Generation) error {
	s := stateIn(w, slot)
	if s == nil {
		s = &state{slot: slot}
		w.Set(slot, s)
	}
	if s.current == nil || g.CodeChanged {
		return rt.replace(w, s, g)
	}
	if err := s.current.load(g.Plugins); err != nil {
		return err
	}
	s.last = g
	s.current.forget(g)
	s.current.configure(g)
	s.current.settle()
	return nil
}

// replace gives w a new VM. On error the old one stays.
func (rt *Runtime) replace(w *worker.Worker, s *state, g *plugin.Generation) error {
	vm, err := newVM(rt, w, s.slot, rt.nextVM.Add(1), g.Plugins)
	if err != nil {
		return err
	}
	vm.configure(g)
	old := s.current
	s.current, s.last = vm, g
	if old != nil {
		if g.CodeChanged {
			rt.threads.renew()
		}
		old.retired = true
		old.timers.expire()
		s.retired = append(s.retired, old)
		old.leave()
		s.sweep()
	}
	return nil
}

// sweep forgets retired VMs that closed.
func (s *state) sweep() {
	kept := s.retired[:0]
	for _, vm := range s.retired {
		if vm.lj != nil {
			kept = append(kept, vm)
		}
	}
	clear(s.retired[len(kept):])
	s.retired = kept
}

// renew replaces a VM whose memory does not go down, once the loop is free.
func (rt *Runtime) renew(vm *VM) {
	s := stateIn(vm.worker, vm.slot)
	if s == nil || s.current != vm || s.renewing || vm.worker.Loop == nil {
		return
	}
	s.renewing = true
	used, _ := vm.lj.Memory()
	rt.log().Warnf("[lua] worker %d: the Lua VM holds %d MB of %d MB after a full collection, a new one takes its place",
		vm.worker.ID, used>>20, rt.o.MemoryLimit>>20)
	vm.worker.Loop.Post(func() {
		s.renewing = false
		if s.current != vm || s.last == nil {
			return
		}
		if err := rt.replace(vm.worker, s, s.last); err != nil {
			rt.log().Errorf("[lua] worker %d: no new Lua VM: %s", vm.worker.ID, err)
		}
	})
}

// Stop implements plugin.Runtime. Requests that still wait in Lua are abandoned.
func (rt *Runtime) Stop(w *worker.Worker) {
	rt.stopIn(w, worker.SlotLuaStream)
	rt.stopIn(w, worker.SlotLua)
}

func (rt *Runtime) stopIn(w *worker.Worker, slot worker.Slot) {
	s := stateIn(w, slot)
	if s == nil {
		return
	}
	for _, vm := range append(s.retired, s.current) {
		if vm == nil || vm.lj == nil {
			continue
		}
		for _, r := range vm.waiting {
			vm.abandon(r)
		}
		clear(vm.waiting)
		for _, r := range vm.beside {
			vm.abandon(r)
		}
		clear(vm.beside)
		vm.stop()
		vm.close()
	}
	if s.pools != nil {
		s.pools.Close()
	}
	w.Set(slot, nil)
}

// vmOf is the VM that serves k: the current one when it comes to Lua first,
// the same one ever after.
func (rt *Runtime) vmOf(k *pdk.Kong) *VM {
	s := stateFor(k)
	if s == nil || s.current == nil {
		return nil
	}
	x := k.X
	if x.LuaSpare == 0 {
		x.LuaSpare = s.current.id
		s.current.requests++
		return s.current
	}
	if s.current.id == x.LuaSpare {
		return s.current
	}
	for _, vm := range s.retired {
		if vm.id == x.LuaSpare {
			return vm
		}
	}
	return nil
}

// Run implements plugin.Runtime.
func (rt *Runtime) Run(k *pdk.Kong, ph phase.Phase, calls []*plugin.Bound) plugin.Outcome {
	vm := rt.vmOf(k)
	if vm == nil {
		k.Failure("lua", ph.String(), errNoVM)
		return plugin.Fail
	}
	return vm.enter(k, ph, calls)
}

// Filter implements plugin.Runtime.
func (rt *Runtime) Filter(k *pdk.Kong, calls []*plugin.Bound, chunk []byte, last bool) ([]byte, plugin.Outcome) {
	vm := rt.vmOf(k)
	if vm == nil {
		k.Failure("lua", phase.BodyFilter.String(), errNoVM)
		return nil, plugin.Fail
	}
	return vm.filter(k, calls, chunk, last)
}

var errNoVM = fmt.Errorf("the worker has no Lua VM for this request")

// Release implements plugin.Runtime.
func (rt *Runtime) Release(k *pdk.Kong) {
	if k.X == nil || k.X.Shared == nil || k.X.LuaSpare == 0 {
		return
	}
	vm := rt.vmOf(k)
	k.X.LuaSpare = 0
	if vm == nil {
		return
	}
	if len(vm.waiting) > 0 {
		if r := vm.waiting[k]; r != nil {
			delete(vm.waiting, k)
			vm.abandon(r)
		}
	}
	if len(vm.beside) > 0 {
		if r := vm.beside[k]; r != nil {
			delete(vm.beside, k)
			vm.abandon(r)
		}
	}
	vm.lj.Release(k.X.Shared)
	vm.requestOver(k)
	vm.requests--
	if vm.retired {
		vm.leave()
		stateFor(k).sweep()
	}
}
