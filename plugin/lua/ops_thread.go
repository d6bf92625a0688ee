package lua

import "encoding/binary"

// The operations behind ngx.thread, ngx.semaphore and whatever else waits for
// other Lua code (lib/gibbon/ngx_thread.lua, lib/gibbon/token.lua).
func init() {
	// thread.killed(handle): what the thread waited for is given up.
	RegisterOp("thread.killed", func(c *Call) {
		if h := c.String(0); len(h) == 8 {
			thread := binary.NativeEndian.Uint64([]byte(h))
			for _, w := range c.run.waits {
				if w.thread == thread {
					w.drop()
					break
				}
			}
		}
		c.Return()
	})
	RegisterOp("token.wait", func(c *Call) { c.vm.tokens.wait(c) })
	RegisterOp("token.wake", func(c *Call) { c.vm.tokens.wake(c) })
}

// tokens are threads of a VM, of any request or timer, that wait for other
// threads of it. A token is a number that Lua code chose.
type tokens map[float64]*Call

// wait(token, seconds): what wake gave; false, "timeout". Without seconds it
// waits as long as its request lives.
func (ts *tokens) wait(c *Call) {
	if c.vm.worker == nil || c.vm.worker.Loop == nil {
		c.Fail("nobody could end this wait: there are no other threads here")
		return
	}
	if *ts == nil {
		*ts = tokens{}
	}
	id := c.Number(0)
	(*ts)[id] = c
	c.OnCancel(func() { delete(*ts, id) })
	if !c.IsNil(1) {
		c.wakeAfter(seconds(c.Number(1)), func() {
			delete(*ts, id)
			c.Done(false, "timeout")
		})
	}
}

// wake(token, ...): whether somebody waited.
func (ts *tokens) wake(c *Call) {
	id := c.Number(0)
	w := (*ts)[id]
	if w == nil {
		c.Return(false)
		return
	}
	delete(*ts, id)
	w.timer.Drop()
	w.Done(c.values(1)...)
	c.Return(true)
}
