package socket

import (
	"container/list"
	"slices"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Pools are a worker's connections by pool name: idle ones that wait to be used
// again and, in pools with a backlog, connects that wait for their turn.
type Pools struct {
	l     *loop.Loop
	size  int
	pools map[string]*pool
}

// NewPools makes the pools of a loop. size is that of pools that name none (lua_socket_pool_size).
func NewPools(l *loop.Loop, size int) *Pools {
	return &Pools{l: l, size: size, pools: map[string]*pool{}}
}

// DefaultSize is OpenResty's lua_socket_pool_size, DefaultIdle its lua_socket_keepalive_timeout in ns.
const (
	DefaultSize = 30
	DefaultIdle = int64(60e9)
)

type pool struct {
	ps   *Pools
	name string
	size int
	// backlog is how many connects may wait, -1 = connects are not counted.
	backlog int
	idle    []*Conn   // last used last
	active  int       // connected or connecting, idle ones too; counted with a backlog
	waiting list.List // of *waiter
}

type waiter struct {
	at    *list.Element
	timer loop.Timer
	// turn: a place is free, c is a connection to use again or nil.
	turn func(c *Conn, err string)
}

// Place is the right to have one more connection of a pool with a backlog.
type Place struct{ p *pool }

// Give gives the place back when no connection came of it.
func (p Place) Give() {
	if p.p != nil {
		p.p.free()
	}
}

// Attach counts c in the place's pool, which gets the place back when c closes.
func (p Place) Attach(c *Conn) {
	if p.p != nil {
		c.pool = p.p
	}
}

func (ps *Pools) pool(name string, size, backlog int) *pool {
	p := ps.pools[name]
	if p == nil {
		if size <= 0 {
			size = ps.size
		}
		p = &pool{ps: ps, name: name, size: size, backlog: backlog}
		ps.pools[name] = p
	}
	return p
}

// Take looks for a connection in the pool name. done gets one to use again, or
// nil and the place for a new one, or an error text; with a backlog (0 or more)
// it may have to wait. The value is to give the waiting up, nil when done was called.
func (ps *Pools) Take(name string, size, backlog int, timeout int64, done func(*Conn, Place, string)) (cancel func()) {
	p := ps.pools[name]
	if p == nil && backlog < 0 {
		done(nil, Place{}, "")
		return nil
	}
	if p == nil {
		p = ps.pool(name, size, backlog)
	}
	if c := p.reuse(); c != nil {
		done(c, Place{}, "")
		return nil
	}
	if p.backlog < 0 {
		done(nil, Place{}, "")
		return nil
	}
	if p.active < p.size {
		p.active++
		done(nil, Place{p}, "")
		return nil
	}
	if p.waiting.Len() >= p.backlog {
		done(nil, Place{}, "too many waiting connect operations")
		return nil
	}
	w := &waiter{}
	w.at = p.waiting.PushBack(w)
	gone := func() {
		p.waiting.Remove(w.at)
		w.timer.Drop()
	}
	w.turn = func(c *Conn, err string) {
		gone()
		if err != "" || c != nil {
			done(c, Place{}, err)
			return
		}
		p.active++
		done(nil, Place{p}, "")
	}
	if timeout > 0 {
		w.timer.Init(ps.l, func() { w.turn(nil, Timeout) })
		w.timer.At(ps.l.Refresh() + timeout)
	}
	return gone
}

// reuse takes the connection out that was used last.
func (p *pool) reuse() *Conn {
	for n := len(p.idle); n > 0; n = len(p.idle) {
		c := p.idle[n-1]
		c.leaveIdle()
		if c.conn.CanRead && !c.quiet() {
			c.Close()
			continue
		}
		c.Reused++
		return c
	}
	return nil
}

// leaveIdle takes the connection out of the pool where it waits.
func (c *Conn) leaveIdle() {
	p := c.idle
	c.idle = nil
	c.rest.Off()
	at := len(p.idle) - 1
	for ; p.idle[at] != c; at-- { // mostly the last; few wait
	}
	p.idle = slices.Delete(p.idle, at, at+1)
	p.forget()
}

// forget drops an empty pool.
func (p *pool) forget() {
	if len(p.idle) == 0 && p.active == 0 && p.waiting.Len() == 0 && p.ps.pools[p.name] == p {
		delete(p.ps.pools, p.name)
	}
}

// leave is told when a counted connection closes.
func (p *pool) leave(c *Conn) {
	c.pool = nil
	p.free()
}

// free gives a place to the next that waits.
func (p *pool) free() {
	p.active--
	if e := p.waiting.Front(); e != nil && p.active < p.size {
		w := e.Value.(*waiter)
		p.ps.l.Post(func() { // not from within what closes a connection
			if w.at.Value != nil && p.waits(w) {
				w.turn(nil, "")
			}
		})
	}
	p.forget()
}

func (p *pool) waits(w *waiter) bool {
	for e := p.waiting.Front(); e != nil; e = e.Next() {
		if e.Value == w {
			return p.active < p.size
		}
	}
	return false
}

// Keep puts c into the pool name for at most timeout ns (0 = as long as it
// lasts; below 0 = DefaultIdle). size counts where the pool is new. An error
// text means that c cannot be kept: it is closed.
func (ps *Pools) Keep(c *Conn, name string, timeout int64, size int) string {
	switch {
	case c.Busy():
		return "socket busy reading"
	case c.Writing() || c.conn.Pending() > 0:
		return "socket busy writing"
	case c.Buffered() > 0 || c.conn.CanRead && !c.quiet():
		had := c.Buffered() > 0
		c.Close()
		if had {
			return "unread data in buffer"
		}
		return Closed
	case c.Ended():
		c.Close()
		return Closed
	}
	p := ps.pool(name, size, -1)
	if e := p.waiting.Front(); e != nil && c.pool == p {
		c.Reused++
		e.Value.(*waiter).turn(c, "")
		return ""
	}
	for len(p.idle) >= p.size {
		p.idle[0].Close()
	}
	p.idle = append(p.idle, c)
	c.idle = p
	// The last close may have dropped an empty pool.
	ps.pools[name] = p
	if timeout < 0 {
		timeout = DefaultIdle
	}
	if timeout > 0 {
		c.rest.At(ps.l.Refresh() + timeout)
	}
	return ""
}

// Len counts idle connections.
func (ps *Pools) Len() int {
	n := 0
	for _, p := range ps.pools {
		n += len(p.idle)
	}
	return n
}

// Close closes all idle connections.
func (ps *Pools) Close() {
	for _, p := range ps.pools {
		for len(p.idle) > 0 {
			p.idle[len(p.idle)-1].Close()
		}
	}
}
