package lua

import (
	"errors"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// evaluation is code of a configuration that a Go plugin has run: a run of its
// own, of a handler (boot/eval.lua) that takes the code and gives the value by operations.
type evaluation struct {
	code  string
	env   map[string]any
	value any
}

func init() {
	RegisterOp("eval.take", func(c *Call) {
		e := c.run.eval
		if e == nil {
			c.Fail("no code is to be run")
			return
		}
		if e.env == nil {
			c.Return(e.code)
			return
		}
		c.Return(e.code, e.env)
	})
	RegisterOp("eval.give", func(c *Call) {
		if e := c.run.eval; e != nil {
			e.value = c.Value(0)
		}
		c.Return()
	})
}

var (
	errEvalPhase = errors.New("Lua code of a configuration cannot be run in this phase")
	errEvalWaits = errors.New("Lua code of a configuration may not wait")
	errEvalExits = errors.New("Lua code of a configuration may not answer the request")
)

// Eval is pdk.Gateway.Eval. It runs on the request's loop.
func (rt *Runtime) Eval(k *pdk.Kong, code string, env map[string]any) (any, error) {
	if k.X == nil || k.X.Shared == nil || k.Phase == phase.BodyFilter || k.Phase == 0 {
		return nil, errEvalPhase
	}
	if err := rt.ready(k); err != nil {
		return nil, err
	}
	alone := k.X.LuaSpare == 0 // no Lua plugin has had the request: nobody else lets go of the VM
	vm := rt.vmOf(k)
	if vm == nil {
		return nil, errNoVM
	}
	current := k.Current
	value, err := vm.evaluate(k, &evaluation{code: code, env: env})
	k.Current = current
	if alone {
		rt.Release(k)
	}
	return value, err
}

// ready makes a VM where the snapshot has no Lua plugin, and so none was started.
func (rt *Runtime) ready(k *pdk.Kong) error {
	if s := stateFor(k); s != nil && s.current != nil {
		return nil
	}
	slot := worker.SlotLua
	if k.Stream != nil {
		slot = worker.SlotLuaStream
	}
	return rt.startIn(k.Worker, slot, &plugin.Generation{})
}

// evaluate runs e for a request whose Lua code, if any, does not run now.
func (vm *VM) evaluate(k *pdk.Kong, e *evaluation) (any, error) {
	b, err := vm.evaluator(k)
	if err != nil {
		return nil, err
	}
	r := &run{vm: vm, kong: k, phase: k.Phase, eval: e, kept: true}
	vm.lj.SetLogLevel(int(vm.rt.level()))
	vm.begin(r)
	vm.asked = vm.asked[:0] // the next phase names its own again
	vm.lj.Use([]*luajit.Bound{b})
	ev := vm.lj.Enter(k.X.Shared, uint32(k.Phase))
	vm.end()
	defer vm.settle()
	for {
		vm.flush(r)
		switch ev.Kind {
		case luajit.Done:
			return e.value, nil
		case luajit.Respond:
			return nil, errEvalExits
		case luajit.Fail:
			text, _, _ := strings.Cut(string(ev.Data), "\nstack traceback:")
			return nil, errors.New(text)
		case luajit.Ask:
			c := vm.call(r, ev.Bound, ev.Op, ev.Data)
			if !c.answered {
				c.Fail(errEvalWaits.Error())
			}
			vm.begin(r)
			ev = vm.lj.Resume(ev.Thread, c.results, c.failed)
			vm.end()
		default: // Wait: nothing was begun yet, so nothing is left behind
			r.ended = true
			vm.lj.Abandon(ev.Run)
			return nil, errEvalWaits
		}
	}
}

// evaluator is the handler that runs code for the plugin that runs now, so
// that its log lines bear the plugin's name.
func (vm *VM) evaluator(k *pdk.Kong) (*luajit.Bound, error) {
	name := "lua"
	if k.Current != nil {
		name = k.Current.Name
	}
	if b := vm.evaluators[name]; b != nil {
		return b, nil
	}
	vm.begin(idle(vm, 0))
	ref, err := vm.lj.Keep(bootSource("eval.lua"), "=gibbon", nil)
	vm.end()
	if err != nil {
		return nil, err
	}
	h, err := vm.lj.Handler(name, ref)
	if err != nil {
		return nil, err
	}
	b, err := vm.lj.Bind(h, 0, "", "", nil)
	if err != nil {
		return nil, err
	}
	b.Tag = &currentOf{pdk.Current{Name: name}}
	if vm.evaluators == nil {
		vm.evaluators = map[string]*luajit.Bound{}
	}
	vm.evaluators[name] = b
	return b, nil
}

// CheckCode says what is wrong with Lua code of a configuration; see pdk.CheckLua.
func (rt *Runtime) CheckCode(code string) error {
	rt.mu.Lock()
	if rt.control == nil {
		c, err := newControl(rt)
		if err != nil {
			rt.mu.Unlock()
			return err
		}
		rt.control = c
	}
	c := rt.control
	rt.mu.Unlock()
	out, err := c.do("check", code)
	if err != nil {
		return withoutTrace(err)
	}
	if ok, _ := first(out).(bool); !ok && len(out) > 1 {
		text, _ := out[1].(string)
		return errors.New(text)
	}
	return nil
}
