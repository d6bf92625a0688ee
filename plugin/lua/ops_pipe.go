package lua

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/plugin/lua/pipe"
	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
)

// maxProcesses bounds the child processes of one VM.
const maxProcesses = 256

// The operations behind ngx.pipe (lib/ngx/pipe.lua). A process is known to Lua code by a number until
// Lua's collector drops it, or the VM ends; then it is killed.
func init() {
	RegisterOp("pipe.spawn", func(c *Call) { c.vm.processes.spawn(c) })
	RegisterOp("pipe.drop", func(c *Call) { c.vm.processes.drop(c.Number(0)); c.Return() })
	RegisterOp("pipe.wait", onProcess(awaitProcess))
	RegisterOp("pipe.kill", onProcess(func(c *Call, p *pipe.Process) { c.Return(orText(p.Signal(c.Int(1)))...) }))
	RegisterOp("pipe.write", onProcess(writeProcess))
	RegisterOp("pipe.read", onProcess(readProcess))
	RegisterOp("pipe.shutdown", onProcess(shutProcess))
}

// processes are those of one VM.
type processes struct {
	last float64
	all  map[float64]*pipe.Process
	// starting are those that are not in all yet.
	starting int
	over     bool
}

// orText is true, or nil and a text.
func orText(err string) []any {
	if err != "" {
		return []any{nil, err}
	}
	return []any{true}
}

func strs(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// spawn(args, environ or nil, merge): number, pid; nil, text
func (ps *processes) spawn(c *Call) {
	w := c.vm.worker
	if w == nil || w.Loop == nil {
		c.Return(nil, "no processes are started while plugins are loaded")
		return
	}
	if len(ps.all)+ps.starting >= maxProcesses {
		c.Return(nil, fmt.Sprintf("too many processes: at most %d of a worker run at the same time", maxProcesses))
		return
	}
	command := pipe.Command{Args: strs(c.Value(0)), Merge: c.Bool(2)}
	if !c.IsNil(1) {
		command.Env = strs(c.Value(1))
	}
	var started *pipe.Started
	var err error
	if c.Bool(3) { // where nothing may wait
		started, err = pipe.Start(command)
		ps.adopt(c, started, err)
		return
	}
	ps.starting++
	gone := false
	c.OnCancel(func() { gone = true })
	w.Loop.Go(func() { started, err = pipe.Start(command) }, func() {
		ps.starting--
		if started != nil && (gone || ps.over) {
			started.Discard()
			return
		}
		ps.adopt(c, started, err)
	})
}

func (ps *processes) adopt(c *Call, started *pipe.Started, err error) {
	if err == nil {
		var p *pipe.Process
		ps.last++
		id := ps.last
		if p, err = started.Attach(c.vm.worker.Loop, func() {}); err == nil {
			if ps.all == nil {
				ps.all = map[float64]*pipe.Process{}
			}
			ps.all[id] = p
			c.Return(id, p.PID())
			return
		}
	}
	c.Return(nil, err.Error())
}

// drop forgets a process, and kills it.
func (ps *processes) drop(id float64) {
	if p := ps.all[id]; p != nil {
		delete(ps.all, id)
		p.Close()
	}
}

// end is drop for all, when the VM ends.
func (ps *processes) end() {
	ps.over = true
	for id := range ps.all {
		ps.drop(id)
	}
}

func onProcess(op func(c *Call, p *pipe.Process)) Op {
	return func(c *Call) {
		if p := c.vm.processes.all[c.Number(0)]; p != nil {
			op(c, p)
			return
		}
		c.Return(nil, socket.Closed)
	}
}

// wait(id, ms): ok, "exit" or "signal", number; nil, text
func awaitProcess(c *Call, p *pipe.Process) {
	answer := func() {
		c.timer.Drop()
		s, _ := p.Ended()
		if s.Signaled {
			c.Return(false, "signal", s.Code)
			return
		}
		c.Return(s.Code == 0, "exit", s.Code)
	}
	if _, ended := p.Ended(); ended {
		answer()
		return
	}
	if p.Waiting() {
		c.Return(nil, "pipe busy waiting")
		return
	}
	p.Await(answer)
	c.OnCancel(func() { p.Await(nil) })
	if ns := c.milliseconds(1); ns > 0 {
		c.wakeAfter(ns, func() {
			p.Await(nil)
			c.Done(nil, socket.Timeout)
		})
	}
}

// write(id, data, ms): bytes; nil, text
func writeProcess(c *Call, p *pipe.Process) {
	switch w := p.Stdin; {
	case w.Closed():
		c.Return(nil, socket.Closed)
	case w.Busy():
		c.Return(nil, "pipe busy writing")
	default:
		c.OnCancel(w.Cancel)
		w.Write(c.Bytes(1), c.milliseconds(2), func(n int, err string) {
			if err != "" {
				c.Return(nil, err)
				return
			}
			c.Return(n)
		})
	}
}

// output is the stream that argument 1 names: 1 = stdout, 2 = stderr; an error text.
func output(c *Call, p *pipe.Process) (*pipe.Reader, string) {
	r := p.Stdout
	if c.Int(1) == 2 {
		r = p.Stderr
	}
	switch {
	case r == nil:
		return nil, "merged to stdout"
	case r.Closed():
		return nil, socket.Closed
	}
	return r, ""
}

// read(id, stream, kind, n, ms): data; nil, text, what came before
func readProcess(c *Call, p *pipe.Process) {
	r, err := output(c, p)
	switch {
	case err != "":
	case r.Busy():
		err = "pipe busy reading"
	case r.Ended():
		err = socket.Closed
	}
	if err != "" {
		c.Return(nil, err)
		return
	}
	c.OnCancel(r.Cancel)
	r.Receive(socket.Request{Kind: socket.Kind(c.Int(2)), N: c.Int(3), Timeout: c.milliseconds(4)}, func(data []byte, _ bool, err string) {
		if err != "" {
			if r.Closed() {
				err = pipe.Aborted
			}
			if data == nil {
				data = []byte{}
			}
			c.Return(nil, err, data)
			return
		}
		c.Return(data)
	})
}

// shutdown(id, stream): true; nil, text. 0 = stdin. Whoever waits there gets "aborted".
func shutProcess(c *Call, p *pipe.Process) {
	if c.Int(1) == 0 {
		if p.Stdin.Closed() {
			c.Return(nil, socket.Closed)
			return
		}
		p.Stdin.Close(pipe.Aborted)
		c.Return(true)
		return
	}
	r, err := output(c, p)
	if err != "" {
		c.Return(nil, err)
		return
	}
	r.Close()
	c.Return(true)
}
