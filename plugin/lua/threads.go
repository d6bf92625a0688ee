package lua

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// ThreadPool is a pool for ngx.run_worker_thread, as nginx's directive thread_pool declares it.
type ThreadPool struct {
	// Name that Lua code gives; "default" is always there.
	Name string
	// Threads run at the same time, each with a VM of its own (1 MB and what the modules need); 0 = twice the processors, at most 32.
	Threads int
	// Queue is how many calls may wait for a thread; 0 = 1024.
	Queue int
}

// threads are the pools of a runtime. VMs are made when they are needed first.
type threads struct {
	rt    *Runtime
	pools map[string]*threadPool
}

// threadPool hands its VMs to one call at a time. It is used from all loops.
type threadPool struct {
	ThreadPool
	rt *Runtime

	mu sync.Mutex
	// code counts the generations of Lua code: a VM of an older one is not used again.
	code   int
	idle   []*threadVM
	busy   int // VMs at work
	queue  []func(*threadVM)
	closed bool
}

type threadVM struct {
	*control
	code int
	run  int // boot/thread.lua's function
}

func (ts *threads) init(rt *Runtime, list []ThreadPool) {
	ts.rt, ts.pools = rt, map[string]*threadPool{}
	for _, p := range append([]ThreadPool{{Name: "default"}}, list...) {
		if p.Threads <= 0 {
			p.Threads = min(32, 2*runtime.GOMAXPROCS(0))
		}
		if p.Queue <= 0 {
			p.Queue = 1024
		}
		ts.pools[p.Name] = &threadPool{ThreadPool: p, rt: rt}
	}
}

// renew has later calls find fresh code.
func (ts *threads) renew() {
	for _, p := range ts.pools {
		p.mu.Lock()
		p.code++
		old := p.idle
		p.idle = nil
		p.mu.Unlock()
		for _, t := range old {
			t.end()
		}
	}
}

func (ts *threads) close() {
	for _, p := range ts.pools {
		p.mu.Lock()
		p.closed = true
		old := p.idle
		p.idle, p.queue = nil, nil
		p.mu.Unlock()
		for _, t := range old {
			t.end()
		}
	}
}

func init() {
	RegisterOp("thread.run", func(c *Call) {
		if c.vm.worker == nil || c.vm.worker.Loop == nil {
			c.Return(false, "ngx.run_worker_thread cannot be used here")
			return
		}
		p := c.vm.rt.threads.pools[c.String(0)]
		if p == nil {
			c.Return(false, "thread pool "+c.String(0)+" not found")
			return
		}
		args := []any{c.String(1), c.String(2), c.String(3)}
		loop := c.vm.worker.Loop
		loop.Handed()
		err := p.take(func(t *threadVM) {
			ok, out := t.call(args)
			loop.Post(func() { c.Done(ok, out) })
		})
		if err != nil {
			c.Return(false, err.Error())
		}
	})
}

// take has job run with a VM, in a goroutine, now or when one is free.
func (p *threadPool) take(job func(*threadVM)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errClosed
	case p.busy < p.Threads:
		p.busy++
		var t *threadVM
		if n := len(p.idle); n > 0 {
			t = p.idle[n-1]
			p.idle = p.idle[:n-1]
		}
		go p.serve(t, p.code, job)
	case len(p.queue) < p.Queue:
		p.queue = append(p.queue, job)
	default:
		return fmt.Errorf("thread pool %q queue overflow: %d calls wait", p.Name, p.Queue)
	}
	return nil
}

// serve runs job, and what waits after it, with t; nil = a new VM.
func (p *threadPool) serve(t *threadVM, code int, job func(*threadVM)) {
	for job != nil {
		if t == nil {
			t = p.fresh(code)
		}
		job(t)
		if t.worn() {
			t.end()
			t = nil
		}
		t, code, job = p.next(t)
	}
}

// next gives the job that waits longest and the VM for it; without one the VM becomes idle.
func (p *threadPool) next(t *threadVM) (*threadVM, int, func(*threadVM)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t != nil && (p.closed || t.code != p.code) {
		defer t.end()
		t = nil
	}
	if len(p.queue) > 0 {
		job := p.queue[0]
		p.queue = p.queue[1:]
		return t, p.code, job
	}
	p.busy--
	if t != nil {
		p.idle = append(p.idle, t)
	}
	return nil, 0, nil
}

// fresh makes a VM. One without a control failed to start; it says so to whoever calls it.
func (p *threadPool) fresh(code int) *threadVM {
	c, err := newControl(p.rt)
	if err != nil {
		return &threadVM{code: code}
	}
	t := &threadVM{control: c, code: code}
	c.onThread(func() { t.run, err = c.vm.lj.Keep(bootSource("thread.lua"), "=gibbon", nil) })
	if err != nil {
		c.close()
		return &threadVM{code: code}
	}
	return t
}

// worn says whether the VM cannot be used again: its memory does not go down any more, or it never was.
func (t *threadVM) worn() (full bool) {
	if t.control == nil {
		return true
	}
	t.onThread(func() { _, full = t.vm.lj.Memory() })
	return full
}

func (t *threadVM) end() {
	if t.control != nil {
		t.control.close()
	}
}

// call runs a function of a module: true and its results (of string.buffer), or false and a text.
func (t *threadVM) call(args []any) (ok bool, out any) {
	if t.control == nil {
		return false, "no Lua VM could be made for the thread"
	}
	var b []byte
	for _, a := range args {
		b = luajit.AppendValue(b, a)
	}
	var results []any
	var err error
	t.onThread(func() {
		r := idle(t.vm, 0)
		t.vm.begin(r)
		var raw []byte
		if raw, err = t.vm.lj.Call(t.run, nil, 0, b); err == nil {
			var good bool
			if results, good = luajit.DecodeValues(raw); !good {
				err = errors.New("the results are malformed")
			}
		}
		t.vm.end()
		t.vm.flush(r)
	})
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\nstack traceback:")
		return false, text
	}
	if len(results) == 2 {
		ok, _ = results[0].(bool)
		return ok, results[1]
	}
	return false, "the results are malformed"
}
