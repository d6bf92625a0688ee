package lua

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// The operations behind ngx.sleep, ngx.timer and kong.timer (lib/gibbon/ngx_timer.lua).
func init() {
	RegisterOp("sleep", sleep)
	RegisterOp("timer.set", func(c *Call) { c.vm.timers.set(c) })
	RegisterOp("timer.cancel", func(c *Call) { c.Return(c.vm.timers.remove(c.Number(0))) })
	RegisterOp("timer.counts", func(c *Call) { c.Return(len(c.vm.timers.pending), c.vm.timers.running) })
}

// seconds makes nanoseconds of a number of Lua, bounded to a few hundred years.
func seconds(f float64) int64 {
	ns := f * 1e9
	switch {
	case !(ns > 0):
		return 0
	case ns > math.MaxInt64/2:
		return math.MaxInt64 / 2
	}
	return int64(ns)
}

// sleep(seconds)
func sleep(c *Call) {
	ns := seconds(c.Number(0))
	w := c.Worker()
	if w == nil || w.Loop == nil { // the control VM may block
		t := time.AfterFunc(time.Duration(ns), func() { c.Done() })
		c.OnCancel(func() { t.Stop() })
		return
	}
	if ns == 0 { // everybody else first
		w.Loop.Post(func() { c.Done() })
		return
	}
	c.wakeAfter(ns, func() { c.Done() })
}

// wakeAfter calls fn in ns nanoseconds unless the call was answered before or
// nobody waits any more.
func (c *Call) wakeAfter(ns int64, fn func()) {
	c.timer.Init(c.vm.worker.Loop, fn)
	c.timer.At(c.vm.worker.Loop.Refresh() + ns) // Lua code may have run for long in this round
}

// timers are those of one VM.
type timers struct {
	vm      *VM
	pending map[float64]*timer
	running int
	// entry is the reference of the Lua function that runs a timer, 0 = not looked up.
	entry int
	over  bool // the VM takes no new ones
}

type timer struct {
	loop.Timer
	id    float64
	every int64 // the interval, 0 = fires once
}

// set(id, seconds, every): true; nil, text. id names the function in Lua.
func (ts *timers) set(c *Call) {
	if ts.vm.worker == nil || ts.vm.worker.Loop == nil || c.Phase() == 0 {
		c.Fail("API disabled in the context of init_by_lua*")
		return
	}
	if len(ts.pending) >= ts.vm.rt.o.MaxPendingTimers {
		c.Return(nil, "too many pending timers")
		return
	}
	if ts.over {
		if c.Number(1) > 0 {
			c.Return(nil, "process exiting")
			return
		}
	}
	if ts.pending == nil {
		ts.pending = map[float64]*timer{}
	}
	ns := seconds(c.Number(1))
	t := &timer{id: c.Number(0)}
	if c.Bool(2) {
		t.every = max(ns, int64(time.Millisecond))
	}
	l := ts.vm.worker.Loop
	t.Init(l, func() { ts.fire(t) })
	ts.pending[t.id] = t
	if ns == 0 && t.every == 0 || c.Phase() == phase.InitWorker || c.Phase() == phase.Configure {
		// Posted, since the loop may not run yet.
		l.Post(func() {
			if ts.pending[t.id] != t {
				return
			}
			if ns == 0 && t.every == 0 {
				ts.fire(t)
				return
			}
			t.After(max(ns, t.every))
		})
	} else {
		t.At(l.Refresh() + ns)
	}
	c.Return(true)
}

// remove says whether there was such a timer.
func (ts *timers) remove(id float64) bool {
	t := ts.pending[id]
	if t == nil {
		return false
	}
	t.Drop()
	delete(ts.pending, id)
	return true
}

func (ts *timers) fire(t *timer) {
	if t.every > 0 {
		t.After(t.every)
	} else {
		delete(ts.pending, t.id)
	}
	if most := ts.vm.rt.o.MaxRunningTimers; ts.running >= most {
		ts.vm.rt.log().Message(log.Alert, &log.Context{Phase: "ngx.timer"}, fmt.Sprintf("[lua] %d timers run at once, another one was dropped", most))
		return
	}
	ts.begin(t, false)
}

func (ts *timers) begin(t *timer, premature bool) {
	vm := ts.vm
	if vm.lj == nil {
		return
	}
	if ts.entry == 0 {
		vm.begin(idle(vm, 0))
		ref, err := vm.lj.Keep(`return require("gibbon.ngx_timer").run`, "=gibbon", nil)
		vm.end()
		if err != nil {
			vm.rt.log().Errorf("[lua] timers cannot run: %s", err)
			return
		}
		ts.entry = ref
	}
	ts.running++
	args := luajit.AppendValue(luajit.AppendValue(nil, t.id), premature)
	vm.start(phase.Timer, ts.entry, args, func() { ts.running-- })
	vm.leave()
}

// lastRounds bounds how often timers that fire for the last time may set
// others (of no delay, which is allowed): one that always does would never end.
const lastRounds = 16

// expire fires all timers for the last time.
func (ts *timers) expire() {
	ts.over = true
	for range lastRounds {
		for _, t := range slices.Collect(maps.Values(ts.pending)) {
			if ts.remove(t.id) {
				ts.begin(t, true)
			}
		}
	}
	for id := range ts.pending {
		ts.remove(id)
	}
}
