package lua

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// retry calls the function of kong.service.set_target_retry_callback before
// another try. It returns the status that ends the request, 0 to go on.
func (vm *VM) retry(k *pdk.Kong) int {
	if vm.lj == nil {
		return 0
	}
	if vm.retryFn == 0 {
		vm.begin(idle(vm, 0))
		ref, err := vm.lj.Keep(`return require("gibbon.retry")`, "=gibbon", nil)
		vm.end()
		if err != nil {
			k.Failure("lua", phase.Balancer.String(), err)
			return 500
		}
		vm.retryFn = ref
	}
	before := k.Phase
	k.Phase = phase.Balancer
	defer func() { k.Phase = before }()
	r := &run{vm: vm, kong: k, phase: phase.Balancer, kept: true}
	vm.begin(r)
	ev := vm.lj.StartFor(k.X.Shared, uint32(phase.Balancer), vm.retryFn)
	vm.end()
	switch vm.drive(r, ev) {
	case plugin.Continue:
		return r.refused
	case plugin.Suspend: // balancer code cannot wait
		delete(vm.waiting, k)
		vm.abandon(r)
	}
	return 500
}

func init() {
	RegisterOp("service.refuse_retry", func(c *Call) {
		c.run.refused = c.Int(0)
		c.Return()
	})
}
