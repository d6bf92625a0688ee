package lua

import (
	"fmt"
	"sync"
)

// Op is an operation that Lua code reaches by name. It runs on the worker's
// loop (in the control VM: on its goroutine), must not block there, and never
// calls into Lua. It answers with c.Return, or c.Fail for a Lua error.
//
// An operation called with native.wait may answer later: keep c, and call
// c.Done (or c.Fail) once, on the worker's loop. One called with native.ask
// has to answer before it returns.
type Op func(c *Call)

var ops = struct {
	sync.Mutex
	byName map[string]int
	names  []string
	list   []Op
}{byName: map[string]int{}}

// RegisterOp adds an operation; call it in init. It panics on a second one of
// the same name.
func RegisterOp(name string, op Op) {
	ops.Lock()
	defer ops.Unlock()
	if _, twice := ops.byName[name]; twice {
		panic(fmt.Sprintf("lua: operation %q is registered twice", name))
	}
	ops.byName[name] = len(ops.list)
	ops.names = append(ops.names, name)
	ops.list = append(ops.list, op)
}

// operation is the op with that number; nil if there is none.
func operation(n int) Op {
	if n < 0 || n >= len(ops.list) {
		return nil
	}
	return ops.list[n]
}
