package proxy

import (
	"net/netip"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// poolKey says which connections can stand in for each other.
type poolKey struct {
	addr netip.AddrPort
	// tls names the TLS parameters of the connection, "" in the clear.
	tls string
	// h2: they speak HTTP/2 and are shared.
	h2 bool
}

// upstreamPool is the idle connections of one worker to one key, newest last.
type upstreamPool struct {
	key  poolKey
	idle []*upstreamConn
}

// get takes the connection that was used last, nil if there is none.
func (p *upstreamPool) get() *upstreamConn {
	for n := len(p.idle); n > 0; n = len(p.idle) {
		u := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		u.at = -1
		u.timer.Off()
		u.L.First(u.FD, false)
		if !u.HungUp && !u.CanRead {
			return u
		}
		u.close()
	}
	return nil
}

// put keeps u for another request, in place of the oldest when the pool is full.
func (p *upstreamPool) put(u *upstreamConn) {
	o := &u.w.srv.Options
	if o.PoolSize <= 0 {
		u.close()
		return
	}
	if len(p.idle) >= o.PoolSize {
		p.idle[0].close()
	}
	u.at = len(p.idle)
	p.idle = append(p.idle, u)
	u.L.First(u.FD, true) // its end, or bytes nobody asked for, are seen before a request takes it
	if o.PoolIdle > 0 {
		u.timer.After(o.PoolIdle)
	} else {
		u.timer.Off()
	}
}

// remove takes an idle connection out.
func (p *upstreamPool) remove(u *upstreamConn) {
	copy(p.idle[u.at:], p.idle[u.at+1:])
	p.idle[len(p.idle)-1] = nil
	p.idle = p.idle[:len(p.idle)-1]
	for i := u.at; i < len(p.idle); i++ {
		p.idle[i].at = i
	}
	u.at = -1
}

func (p *upstreamPool) closeAll() {
	for len(p.idle) > 0 {
		p.idle[len(p.idle)-1].close()
	}
}

// poolOf is the worker's pool for key.
func (w *Worker) poolOf(key poolKey) *upstreamPool {
	if p := w.lastPool; p != nil && p.key == key {
		return p
	}
	p := w.pools[key]
	if p == nil {
		p = &upstreamPool{key: key}
		w.pools[key] = p
	}
	w.lastPool = p
	return p
}

var _ loop.Handler = (*upstreamConn)(nil)
