package lua

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// control is the control VM: it belongs to no worker, loads plugins to look at
// them, and runs what their schemas hold as functions. Operations may block in
// it. It works on a goroutine of its own, one request at a time; do may be
// called from any.
//
// Schemas keep the control VM that they came from alive; it closes when nobody
// refers to it any more.
type control struct {
	vm   *VM
	jobs chan func()
	once sync.Once
	ref  int // boot/loader.lua's function
	// loaded are the plugins that this VM loaded: code is read once, so a
	// second Load of the same plugin needs a new VM.
	loaded map[string]bool
}

func newControl(rt *Runtime) (*control, error) {
	vm := &VM{rt: rt}
	c := &control{vm: vm, jobs: make(chan func()), loaded: map[string]bool{}}
	jobs := c.jobs
	go func() {
		for job := range jobs {
			job()
		}
	}()
	var err error
	c.onThread(func() {
		o := rt.options(vm.answerBlocking)
		o.Control = true
		if vm.lj, err = luajit.New(o); err != nil {
			return
		}
		rt.dog.watch(vm.lj, owner{worker: noWorker})
		if err = vm.setUp(); err == nil {
			c.ref, err = vm.lj.Keep(bootSource("loader.lua"), "=gibbon", nil)
		}
	})
	if err != nil {
		c.close()
		return nil, err
	}
	// The goroutine refers to jobs and the VM only, so an unused control is found.
	runtime.AddCleanup(c, func(vm *VM) {
		done := make(chan struct{})
		jobs <- func() { vm.close(); close(done) }
		<-done
		close(jobs)
	}, vm)
	return c, nil
}

// onThread runs job on the control VM's goroutine.
func (c *control) onThread(job func()) {
	done := make(chan struct{})
	c.jobs <- func() { defer close(done); job() }
	<-done
	runtime.KeepAlive(c)
}

// close ends the VM for good; later calls fail.
func (c *control) close() {
	c.once.Do(func() { c.onThread(func() { c.vm.close() }) })
}

var errClosed = errors.New("the Lua runtime is closed")

// do calls a function of boot/loader.lua.
func (c *control) do(what string, args ...any) (results []any, err error) {
	c.onThread(func() {
		vm := c.vm
		if vm.lj == nil {
			err = errClosed
			return
		}
		r := idle(vm, 0)
		b := luajit.AppendValue(nil, what)
		for _, a := range args {
			b = luajit.AppendValue(b, a)
		}
		vm.begin(r)
		out, failure := vm.lj.Call(c.ref, nil, 0, b)
		vm.end()
		if failure == nil {
			var good bool
			if results, good = luajit.DecodeValues(out); !good {
				failure = errors.New("the results are malformed")
			}
		}
		err = failure
		vm.flush(r)
	})
	return results, err
}

// answerBlocking runs an operation and waits for its answer.
func (vm *VM) answerBlocking(op int, args []byte) (results []byte, failed, ok bool) {
	c := &Call{vm: vm, run: vm.upcall, blocked: make(chan struct{})}
	if !c.args.Set(args) || c.run == nil {
		return nil, false, false
	}
	f := operation(op)
	if f == nil {
		return luajit.AppendValue(nil, fmt.Sprintf("there is no operation %d", op)), true, true
	}
	f(c)
	<-c.blocked
	return c.results, c.failed, true
}

// eval runs a chunk in the control VM.
func (c *control) eval(source string) (results []any, err error) {
	c.onThread(func() {
		c.vm.begin(idle(c.vm, 0))
		defer c.vm.end()
		var out []byte
		if out, err = c.vm.lj.Eval(source, "=eval", nil); err == nil {
			results, _ = luajit.DecodeValues(out)
		}
	})
	return results, err
}
