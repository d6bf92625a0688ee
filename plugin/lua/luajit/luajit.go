package luajit

/*
#cgo CFLAGS: -O2 -std=gnu11 -Wall -I${SRCDIR}/../../../build/luajit/include
#cgo LDFLAGS: ${SRCDIR}/../../../build/luajit/lib/libluajit.a -lm -ldl -Wl,-E -Wl,--no-as-needed -lssl -lcrypto -lpcre2-8
#include <stdlib.h>
#include "core.h"

// The hot doors take addresses as numbers, so that cgo does not look into what lies outside of Go's heap anyway.
static void gb_enter_at(uintptr_t vm, uintptr_t x, uint32_t phase, uint32_t n) {
  gb_enter((gb_vm *)vm, (gb_exchange *)x, phase, n);
}
static void gb_resume_at(uintptr_t vm, uint64_t thread, const char *results, size_t len, int failed) {
  gb_resume((gb_vm *)vm, thread, results, len, failed);
}
static void gb_continue_at(uintptr_t vm, uintptr_t r) { gb_continue((gb_vm *)vm, (gb_run *)r); }
static void gb_abandon_at(uintptr_t vm, uintptr_t r) { gb_abandon((gb_vm *)vm, (gb_run *)r); }
static void gb_filter_at(uintptr_t vm, uintptr_t x, uint32_t n, const char *chunk, size_t len, int last) {
  gb_filter((gb_vm *)vm, (gb_exchange *)x, n, chunk, len, last);
}

static void gb_enter_frame_at(uintptr_t vm, uintptr_t x, uint32_t phase, uint32_t n, const char *data, size_t len, uint32_t type, int status) {
  gb_frame_in in = {data, len, type, status};
  gb_enter_frame((gb_vm *)vm, (gb_exchange *)x, phase, n, &in);
}

#cgo noescape gb_enter_at
#cgo noescape gb_enter_frame_at
#cgo noescape gb_resume_at
#cgo noescape gb_filter_at
#cgo noescape gb_give
#cgo nocallback gb_give
#cgo nocallback gb_embed
#cgo nocallback gb_interrupt
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// The C stack of the process's first thread is what ulimit says (8 MB mostly),
// too little for Lua code that recurses through callbacks: keep every
// goroutine but main off it.
func init() { runtime.LockOSThread() }

// Kind says why a run of Lua code came back.
type Kind uint32

// The kinds.
const (
	// Done: every handler of the run returned.
	Done Kind = C.GB_EV_DONE
	// Respond: a handler ended the request with an answer.
	Respond Kind = C.GB_EV_RESPOND
	// Fail: a handler failed; Data is its message and traceback.
	Fail Kind = C.GB_EV_FAIL
	// Ask: operation Op with arguments Data wants its results now (Resume).
	Ask Kind = C.GB_EV_ASK
	// Wait: the same, later.
	Wait Kind = C.GB_EV_WAIT
	// Idle: every thread of the run waits for something that was asked for before.
	Idle Kind = C.GB_EV_IDLE
)

// Event is why a run came back. Data is valid until the VM is entered again.
type Event struct {
	Kind Kind
	// Op and Thread of Ask and Wait: what is wanted and who waits for it.
	// Thread is also set after Resume, 0 if the thread was no more.
	Op     int
	Thread uint64
	Data   []byte
	// Bound is whose handler it was; nil of a Done event and where there was none.
	Bound *Bound
	// Run of Ask, Wait and Idle. More, of Wait: other threads of the run can go
	// on meanwhile (Continue).
	Run  Run
	More bool
}

// Run is the context of light threads: a request's phase, or a timer. It ends
// with its Done, Respond or Fail event, or with Abandon.
type Run uintptr

// Bound is a plugin configuration inside one VM.
type Bound struct {
	c *C.gb_bound
	// Serial is plugin.Bound.Serial; Name the plugin's name.
	Serial uint64
	Name   string
	// Tag is the owner's.
	Tag any
}

// Handler is a loaded plugin inside one VM.
type Handler struct {
	c    *C.gb_plugin
	Name string
}

// VM is one Lua state.
type VM struct {
	c      *C.gb_vm
	core   *C.gb_core
	at     C.uintptr_t // c as a number
	handle uintptr
	bound  map[*C.gb_bound]*Bound
	// asking answers upcalls: operations of code that cannot yield.
	asking func(op int, args []byte) (results []byte, failed, ok bool)
	plain  []*C.gb_plugin
	calls  C.uint32_t // what Use named
}

// Options of a VM.
type Options struct {
	// MemoryLimit in bytes of heap; 0 = none.
	MemoryLimit uint64
	// WorkerID and WorkerCount are ngx.worker.id and count.
	WorkerID, WorkerCount int
	// Control marks the VM that serves no requests: it may block in operations.
	Control bool
	// LogLevel is the least severe level that is kept (8 = debug).
	LogLevel int
	// Ops are the names of operations; an operation's number is its index.
	Ops []string
	// Ask runs an operation for code that cannot yield. It must not enter the
	// VM, nor block except in a control VM. results is read before Ask is called again.
	Ask func(op int, args []byte) (results []byte, failed, ok bool)
	// Path and CPath are package.path and package.cpath; "" leaves LuaJIT's.
	Path, CPath string
}

// ErrMemory is returned when a VM cannot be made.
var ErrMemory = errors.New("no memory for a Lua VM")

var nextHandle atomic.Uint64

// New makes a VM. The embedded library has to be put in before (Embed).
func New(o Options) (*VM, error) {
	vm := &VM{handle: uintptr(nextHandle.Add(1)), bound: map[*C.gb_bound]*Bound{}, asking: o.Ask}
	vms.Store(vm.handle, vm)
	vm.c = C.gb_new(C.uint64_t(o.MemoryLimit), C.uintptr_t(vm.handle))
	if vm.c == nil {
		vms.Delete(vm.handle)
		return nil, ErrMemory
	}
	vm.core, vm.at = vm.c.core, C.uintptr_t(uintptr(unsafe.Pointer(vm.c)))
	vm.c.worker_id, vm.c.worker_count = C.uint32_t(o.WorkerID), C.uint32_t(o.WorkerCount)
	if o.Control {
		vm.c.control = 1
	}
	if o.LogLevel > 0 {
		vm.core.log_level = C.int32_t(o.LogLevel)
	}
	args := AppendValue(nil, o.Path)
	args = AppendValue(args, o.CPath)
	for _, name := range o.Ops {
		args = AppendValue(args, name)
	}
	ops, err := vm.keep(setUp, "=setup", args)
	if err != nil {
		vm.Close()
		return nil, fmt.Errorf("Lua VM: %w", err)
	}
	vm.core.ops = C.int32_t(ops)
	return vm, nil
}

const setUp = `
local path, cpath = ...
if path ~= "" then package.path = path end
if cpath ~= "" then package.cpath = cpath end
local ops = {}
for i = 3, select("#", ...) do ops[(select(i, ...))] = i - 3 end
return ops`

// Close ends the VM. None of its runs may be under way.
func (vm *VM) Close() {
	if vm.c == nil {
		return
	}
	C.gb_close(vm.c)
	vms.Delete(vm.handle)
	for b := range vm.bound {
		freeBound(b)
	}
	for _, p := range vm.plain {
		C.free(unsafe.Pointer(p))
	}
	vm.c, vm.core = nil, nil
}

// MaxCalls is how many plugins one Enter takes.
const MaxCalls = C.GB_ENTRY_CALLS

// Use names the configurations that the next entries run, in order; at most MaxCalls.
func (vm *VM) Use(calls []*Bound) {
	for i, b := range calls {
		vm.core.calls[i] = b.c
	}
	vm.calls = C.uint32_t(len(calls))
}

// Enter runs phase of what Use named, for the request whose shared part is x
// (nil: none).
func (vm *VM) Enter(x *message.Shared, phase uint32) Event {
	C.gb_enter_at(vm.at, C.uintptr_t(uintptr(unsafe.Pointer(x))), C.uint32_t(phase), vm.calls)
	return vm.event()
}

func (vm *VM) enterFrame(x *message.Shared, phase uint32, data []byte, kind uint8, status int) {
	C.gb_enter_frame_at(vm.at, C.uintptr_t(uintptr(unsafe.Pointer(x))), C.uint32_t(phase), vm.calls,
		(*C.char)(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data)), C.uint32_t(kind), C.int(status))
}

// Resume gives a waiting thread its results (values as AppendValue makes them;
// failed: one string, raised as an error) and goes on with its run.
func (vm *VM) Resume(thread uint64, results []byte, failed bool) Event {
	C.gb_resume_at(vm.at, C.uint64_t(thread), (*C.char)(unsafe.Pointer(unsafe.SliceData(results))), C.size_t(len(results)), flag(failed))
	return vm.event()
}

// Filter runs body_filter of what Use named on chunk. Of a Done event Data is what goes
// on: chunk itself or the VM's copy.
func (vm *VM) Filter(x *message.Shared, chunk []byte, last bool) Event {
	C.gb_filter_at(vm.at, C.uintptr_t(uintptr(unsafe.Pointer(x))), vm.calls,
		(*C.char)(unsafe.Pointer(unsafe.SliceData(chunk))), C.size_t(len(chunk)), flag(last))
	return vm.event()
}

func (vm *VM) event() Event {
	e := &vm.core.event
	ev := Event{Kind: Kind(e.kind), Op: int(e.op), Thread: uint64(e.thread), Run: Run(unsafe.Pointer(e.run)), More: e.more != 0}
	if ev.Kind != Done {
		ev.Bound = vm.bound[e.bound]
	}
	if e.data != nil {
		ev.Data = unsafe.Slice((*byte)(unsafe.Pointer(e.data)), int(e.len))
	}
	return ev
}

// Start begins a run without a request: fn (a reference of Keep) with encoded
// arguments, at most 16 of them. b may be nil.
func (vm *VM) Start(phase uint32, b *Bound, fn int, args []byte) Event {
	var cb *C.gb_bound
	if b != nil {
		cb = b.c
	}
	C.gb_start(vm.c, nil, C.uint32_t(phase), cb, C.int32_t(fn), (*C.char)(unsafe.Pointer(unsafe.SliceData(args))), C.size_t(len(args)))
	return vm.event()
}

// StartFor begins a run for x's request that is no plugin's phase: fn (a
// reference of Keep).
func (vm *VM) StartFor(x *message.Shared, phase uint32, fn int) Event {
	C.gb_start(vm.c, (*C.gb_exchange)(unsafe.Pointer(x)), C.uint32_t(phase), nil, C.int32_t(fn), nil, 0)
	return vm.event()
}

// Continue goes on with a run after a Wait event that said More.
func (vm *VM) Continue(r Run) Event {
	C.gb_continue_at(vm.at, C.uintptr_t(r))
	return vm.event()
}

// Abandon ends a run whose threads wait; a later Resume of them does nothing.
func (vm *VM) Abandon(r Run) { C.gb_abandon_at(vm.at, C.uintptr_t(r)) }

// Release frees the per-request tables of x when the VM is entered next.
func (vm *VM) Release(x *message.Shared) {
	for _, ref := range [...]*int32{&x.LuaCtx, &x.LuaRequest} {
		if *ref <= 0 {
			continue
		}
		if vm.core.unref_n == C.GB_UNREF {
			C.gb_unref_now(vm.c)
		}
		vm.core.unref[vm.core.unref_n] = C.int32_t(*ref)
		vm.core.unref_n++
		*ref = 0
	}
}

// Memory is the heap in use, and whether the VM should be replaced: it stays
// above three quarters of its limit after a full collection.
func (vm *VM) Memory() (used uint64, retire bool) {
	return uint64(vm.core.mem), vm.core.retire != 0
}

// Heap is Memory's first figure, for any goroutine while the VM is not closed.
func (vm *VM) Heap() uint64 { return atomic.LoadUint64((*uint64)(unsafe.Pointer(&vm.core.mem))) }

// Live is how many light threads run or wait.
func (vm *VM) Live() int { return int(vm.core.live) }

// Collect makes a full garbage collection.
func (vm *VM) Collect() { C.gb_collect(vm.c) }

// SetLogLevel changes the least severe level that Log keeps.
func (vm *VM) SetLogLevel(level int) { vm.core.log_level = C.int32_t(level) }

// Log hands every line that was logged since the last call to fn, and says how
// many more found no room. text is valid during fn.
func (vm *VM) Log(fn func(level int, text []byte)) (dropped int) {
	b := &vm.core.log
	if b.len == 0 && vm.core.log_dropped == 0 {
		return 0
	}
	all := unsafe.Slice((*byte)(unsafe.Pointer(b.p)), int(b.len))
	for len(all) >= 5 {
		n := int(all[1]) | int(all[2])<<8 | int(all[3])<<16 | int(all[4])<<24
		fn(int(all[0]), all[5:5+n])
		all = all[5+n:]
	}
	b.len = 0
	dropped = int(vm.core.log_dropped)
	vm.core.log_dropped = 0
	return dropped
}

// Running is the number of the entry that runs Lua code, 0 if none does, and
// the kernel's number of the thread it runs on. Safe for any goroutine.
func (vm *VM) Running() (entry uint64, tid int) {
	e := atomic.LoadUint64((*uint64)(unsafe.Pointer(&vm.core.epoch)))
	if e&1 == 0 {
		return 0, 0
	}
	return e, int(atomic.LoadInt32((*int32)(unsafe.Pointer(&vm.core.tid))))
}

// Interrupt stops the entry: its handler fails with "handler exceeded its time
// budget". Nothing happens if another one runs by now. Safe for any goroutine
// while the VM is not being closed.
func (vm *VM) Interrupt(entry uint64) { C.gb_interrupt(vm.c, C.uint64_t(entry)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
