package lua

import "runtime"

// runtime.stats is what the calling VM and the process hold, for tests that
// look for leaks: bytes of Lua heap, light threads that run or wait, requests
// that hold the VM, runs that wait (of requests, of timers), VMs that retired
// but serve on, and goroutines of the process.
func init() {
	RegisterOp("runtime.stats", func(c *Call) {
		vm := c.vm
		used, _ := vm.lj.Memory()
		stats := map[string]any{
			"heap": used, "threads": vm.lj.Live(), "requests": vm.requests, "waiting": len(vm.waiting),
			"timers": len(vm.runs), "goroutines": runtime.NumGoroutine(), "retired": 0,
		}
		if vm.worker != nil {
			stats["worker"] = vm.worker.ID
			if s := stateIn(vm.worker, vm.slot); s != nil {
				stats["retired"] = len(s.retired)
			}
		}
		c.Return(stats)
	})
}
