package lua

import (
	"fmt"
	"sync"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// listeners are the VMs whose code uses kong.worker_events, by runtime.
var listeners = struct {
	sync.Mutex
	of map[*Runtime][]*VM
}{of: map[*Runtime][]*VM{}}

// events.listen(): this VM takes part from now on; events.post(source, event,
// data): every other VM that does gets the event, unless it is larger than
// worker_events_max_payload.
func init() {
	RegisterOp("events.listen", func(c *Call) {
		listeners.Lock()
		defer listeners.Unlock()
		list := listeners.of[c.vm.rt]
		kept := list[:0]
		for _, vm := range list {
			if vm.lj != nil && vm != c.vm {
				kept = append(kept, vm)
			}
		}
		clear(list[len(kept):])
		listeners.of[c.vm.rt] = append(kept, c.vm)
		c.Return()
	})
	RegisterOp("events.post", func(c *Call) {
		listeners.Lock()
		list := append([]*VM(nil), listeners.of[c.vm.rt]...)
		listeners.Unlock()
		var args []byte
		for i := range 3 {
			args = luajit.AppendValue(args, c.Value(i))
		}
		if limit, ok := setting(c, "worker_events_max_payload").(float64); ok && len(args) > int(limit) {
			c.Return(nil, fmt.Sprintf("failed to publish event: payload exceeds the limitation (%d)", int(limit)))
			return
		}
		for _, vm := range list {
			if vm == c.vm || vm.worker == nil || vm.worker.Loop == nil {
				continue
			}
			vm.worker.Loop.Post(func() { vm.deliver(args) })
		}
		c.Return(true)
	})
}

// deliver hands an event to the VM's handlers, which run in a timer of it.
func (vm *VM) deliver(args []byte) {
	if vm.lj == nil || vm.retired {
		return
	}
	r := idle(vm, 0)
	vm.begin(r)
	_, err := vm.lj.Eval(`require("gibbon.worker_events").post_local(...)`, "=gibbon", args)
	vm.end()
	vm.flush(r)
	if err != nil {
		vm.rt.log().Errorf("[lua] worker events: %s", err)
	}
}
