package lua

import (
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Call is one call of an operation. Arguments are counted from 0; a missing
// one is nil. Views (Bytes) are valid until the operation returns.
//
// Results may be nil, bool, any integer or float type, string, []byte, Null,
// []any, []string, map[string]any and map[string]string. A function that fails the
// Lua way returns (nil, "text").
type Call struct {
	vm   *VM
	run  *run
	args []any
	// waiting: the coroutine that waits for Done; 0 for an ask.
	thread  uint32
	results []byte
	done    bool
}

// N is the number of arguments.
func (c *Call) N() int { return len(c.args) }

// Value is argument i: nil, bool, float64, string, Null, []any or map[string]any.
func (c *Call) Value(i int) any {
	if i < 0 || i >= len(c.args) {
		return nil
	}
	return c.args[i]
}

// String is argument i, "" unless it is a string.
func (c *Call) String(i int) string { s, _ := c.Value(i).(string); return s }

// Number is argument i, 0 unless it is a number.
func (c *Call) Number(i int) float64 { f, _ := c.Value(i).(float64); return f }

// Int is argument i cut to an integer, 0 unless it is a number.
func (c *Call) Int(i int) int { return int(c.Number(i)) }

// Bool is Lua's truth of argument i: anything but nil and false.
func (c *Call) Bool(i int) bool {
	v := c.Value(i)
	b, ok := v.(bool)
	return v != nil && (!ok || b)
}

// IsNil says whether argument i is nil or missing.
func (c *Call) IsNil(i int) bool { return c.Value(i) == nil }

// Kong is the request on whose behalf the code runs; nil in init_worker, configure and timers.
func (c *Call) Kong() *pdk.Kong { return c.run.kong }

// Worker is the worker of the VM; nil in the control VM.
func (c *Call) Worker() *worker.Worker { return c.vm.worker }

// Gateway is what all requests share.
func (c *Call) Gateway() *pdk.Gateway { return c.vm.gateway }

// Phase is the phase that runs, 0 at load time.
func (c *Call) Phase() phase.Phase { return phase.Phase(c.run.phase) }
