package lua

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Null is JSON's null (cjson.null, ngx.null) as an argument or result;
// schema.Null is accepted as a result too.
type Null = luajit.Null

// Array is a list that carries cjson.array_mt in Lua.
type Array = luajit.Array

// MaxResults is how many results an operation may give.
const MaxResults = 16

// Call is one call of an operation. Arguments are counted from 0; a missing
// one is nil.
//
// Results may be nil, bool, any integer or float type, string, []byte, Null,
// Array, slices, and maps with string keys. A function that fails the Lua way
// returns (nil, "text").
type Call struct {
	vm     *VM
	run    *run
	args   luajit.Args
	thread uint64 // who waits; 0 in an upcall

	results []byte
	failed  bool
	// answered: Return, Done or Fail came. suspended: the operation returned
	// before that, so the answer has to wake the coroutine.
	answered, suspended bool
	// passing: nothing refers to the call once it has been answered.
	passing bool
	// at is the place in run.waits while suspended.
	at int
	// cancel undoes what was begun when nobody waits any more.
	cancel func()
	// timer is for an operation that ends by itself (wakeAfter).
	timer loop.Timer
	// blocked, in the control VM, is closed by the answer.
	blocked chan struct{}
}

// N is the number of arguments.
func (c *Call) N() int { return c.args.N() }

// Value is argument i: nil, bool, float64, string, Null, Array, []any or map[string]any.
func (c *Call) Value(i int) any { return c.args.Value(i) }

// String is argument i, "" unless it is a string.
func (c *Call) String(i int) string { return string(c.args.Bytes(i)) }

// Bytes is argument i, nil unless it is a string. They must not be changed,
// nor kept beyond the operation unless the call waits.
func (c *Call) Bytes(i int) []byte { return c.args.Bytes(i) }

// Number is argument i, 0 unless it is a number.
func (c *Call) Number(i int) float64 { return c.args.Number(i) }

// Int is argument i cut to an integer, 0 unless it is a number.
func (c *Call) Int(i int) int { return int(c.Number(i)) }

// Bool is Lua's truth of argument i: anything but nil and false.
func (c *Call) Bool(i int) bool { return c.args.Bool(i) }

// IsNil says whether argument i is nil or missing.
func (c *Call) IsNil(i int) bool { return c.args.IsNil(i) }

// values are all arguments from i on.
func (c *Call) values(i int) []any {
	var list []any
	for ; i < c.N(); i++ {
		list = append(list, c.Value(i))
	}
	return list
}

// Kong is the request on whose behalf the code runs, with Current naming the
// plugin; nil in init_worker, configure, timers and at load time.
func (c *Call) Kong() *pdk.Kong { return c.run.kong }

// Worker is the worker of the VM; nil in the control VM.
func (c *Call) Worker() *worker.Worker { return c.vm.worker }

// Gateway is what all requests share; nil while plugins are loaded before there is one.
func (c *Call) Gateway() *pdk.Gateway { return c.vm.rt.gateway() }

// Phase is the phase that runs, 0 at load time.
func (c *Call) Phase() phase.Phase { return c.run.phase }

// Return answers with results, at most MaxResults.
func (c *Call) Return(results ...any) {
	if c.answered {
		return
	}
	if len(results) > MaxResults {
		c.Fail(fmt.Sprintf("the operation gave %d results, at most %d can be passed on", len(results), MaxResults))
		return
	}
	c.results = c.buffer()
	for _, v := range results {
		c.results = luajit.AppendValue(c.results, v)
	}
	c.answer()
}

// returnText and returnNumbers are Return for what the operations of sockets
// mostly answer: their values need not become interfaces.
func (c *Call) returnText(b []byte) { c.returnEncoded(luajit.AppendText(c.buffer(), b)) }

func (c *Call) returnNumbers(v ...float64) {
	b := c.buffer()
	for _, n := range v {
		b = luajit.AppendNumber(b, n)
	}
	c.returnEncoded(b)
}

func (c *Call) returnEncoded(b []byte) {
	if !c.answered {
		c.results = b
		c.answer()
	}
}

// Done is Return for an operation that answers later. Call it on the worker's
// loop; a request that ended meanwhile makes it do nothing.
func (c *Call) Done(results ...any) { c.Return(results...) }

// Fail raises a Lua error in the calling code, as it stands.
func (c *Call) Fail(text string) {
	if c.answered {
		return
	}
	c.results = luajit.AppendValue(c.buffer(), text)
	c.failed = true
	c.answer()
}

// keptResults bounds the memory that a VM keeps for results.
const keptResults = 64 << 10

// buffer is where results are encoded. The VM's own serves all calls, since
// results go to Lua at once; what has to wait is copied (wake).
func (c *Call) buffer() []byte {
	if c.blocked != nil || cap(c.vm.results) > keptResults {
		return nil
	}
	return c.vm.results[:0]
}

// OnCancel has fn called, on the loop, if the thread that waits goes away
// before the answer (its request ended, it was killed).
func (c *Call) OnCancel(fn func()) { c.cancel = fn }

// drop forgets a call that nobody waits for any more.
func (c *Call) drop() {
	c.run.unhold(c)
	if !c.answered {
		c.answered = true
		c.timer.Drop()
		if c.cancel != nil {
			c.cancel()
		}
	}
}

func (c *Call) answer() {
	c.answered = true
	if c.blocked == nil && cap(c.results) <= keptResults {
		c.vm.results = c.results
	}
	switch {
	case c.blocked != nil:
		close(c.blocked)
	case c.suspended:
		c.vm.wake(c)
	}
}
