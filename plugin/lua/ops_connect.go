package lua

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
)

// connecting is a connect under way: pool → name → address.
type connecting struct {
	c       *Call
	h       *handle
	place   socket.Place
	timeout int64
	host    string
	port    int
	bind    netip.Addr
	// stop gives up what is waited for now.
	stop func()
	over bool
}

// connect(id or nil, host, port, ms, pool, size, backlog, bind, udp): id, times
// the connection was used before; nil, text
func (ss *sockets) connect(c *Call) {
	if c.vm.worker == nil || c.vm.worker.Loop == nil {
		c.Fail("sockets need a worker: they are not available where plugins are only loaded")
		return
	}
	h := ss.all[c.Number(0)]
	switch {
	case h == nil:
		h = ss.open(c)
	case h.owner != c.ownerOf():
		c.Return(nil, "bad request")
		return
	case h.connecting:
		c.Return(nil, "socket busy connecting")
		return
	case h.reader != nil && h.reader.Busy():
		c.Return(nil, "socket busy reading")
		return
	default: // connected: that connection goes
		h.close()
		h = ss.open(c)
	}
	d := &connecting{c: c, h: h, host: c.String(1), port: c.Int(2), timeout: c.milliseconds(3)}
	if b := c.String(7); b != "" {
		var err error
		if d.bind, err = netip.ParseAddr(b); err != nil {
			d.fail("bad address")
			return
		}
	}
	c.OnCancel(func() {
		d.over = true
		if d.stop != nil {
			d.stop()
		}
		d.place.Give()
		h.close()
	})
	h.connecting = true
	if c.Bool(8) {
		d.begin(nil, socket.Place{}, "")
		return
	}
	if h.pool = c.String(4); h.pool == "" {
		h.pool = d.host
		if !strings.HasPrefix(d.host, "unix:") {
			h.pool = fmt.Sprintf("%s:%d", d.host, d.port)
		}
	}
	backlog := -1
	if !c.IsNil(6) {
		backlog = c.Int(6)
	}
	d.stop = c.vm.pools().Take(h.pool, c.Int(5), backlog, d.timeout, d.begin)
}

func (d *connecting) fail(text string) {
	d.place.Give()
	d.h.connecting = false
	d.h.close()
	d.c.Return(nil, text)
}

// begin goes on with what the pool gave.
func (d *connecting) begin(conn *socket.Conn, place socket.Place, err string) {
	d.stop, d.place = nil, place
	switch {
	case d.over:
		place.Give()
		if conn != nil {
			conn.Close()
		}
	case err != "":
		d.fail(err)
	case conn != nil:
		d.connected(conn, "")
	case strings.HasPrefix(d.host, "unix:"):
		d.dial(netip.AddrPort{})
	default:
		if a, err := netip.ParseAddr(strings.Trim(d.host, "[]")); err == nil {
			d.dial(netip.AddrPortFrom(a, uint16(d.port)))
			return
		}
		d.resolve()
	}
}

// resolve finds the address of the name.
func (d *connecting) resolve() {
	r := d.c.vm.rt.resolver(d.c)
	if r == nil {
		d.fail("no resolver defined to resolve \"" + d.host + "\"")
		return
	}
	if a, ok := r.Cached(d.host); ok {
		d.resolved(a, a.Err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(time.Duration(d.timeout), time.Second))
	d.stop = cancel
	l := d.c.vm.worker.Loop
	var a *dns.Answer
	var err error
	l.Go(func() { a, err = r.Resolve(ctx, d.host) }, func() {
		cancel()
		if !d.over {
			d.stop = nil
			d.resolved(a, err)
		}
	})
}

func (d *connecting) resolved(a *dns.Answer, err error) {
	if err == nil {
		if to := a.Pick(d.port); to.IsValid() {
			d.dial(to)
			return
		}
		err = &dns.Error{Code: dns.CodeEmpty}
	}
	d.fail("[cosocket] DNS resolution failed: " + err.Error())
}

func (d *connecting) dial(to netip.AddrPort) {
	l := d.c.vm.worker.Loop
	path, isUnix := strings.CutPrefix(d.host, "unix:")
	if d.c.Bool(8) {
		d.openDatagram(to, path, isUnix)
		return
	}
	var conn *socket.Conn
	switch dial := d.c.vm.rt.o.Dial; {
	case isUnix:
		conn = socket.DialUnix(l, path, d.timeout, d.connected)
	case dial != nil:
		fd, err := dial(to)
		if err != nil {
			d.fail(err.Error())
			return
		}
		conn = socket.Adopt(l, fd, d.connected)
	default:
		conn = socket.Dial(l, to, d.bind, d.timeout, d.connected)
	}
	if conn != nil && d.h.tcp == nil && !d.c.answered {
		d.stop = conn.Close
	}
}

func (d *connecting) connected(conn *socket.Conn, err string) {
	d.stop = nil
	if d.over {
		if conn != nil {
			conn.Close()
		}
		return
	}
	if err != "" {
		d.fail(err)
		return
	}
	d.place.Attach(conn)
	d.place = socket.Place{}
	d.h.connecting, d.h.tcp, d.h.reader = false, conn, &conn.Reader
	d.c.returnNumbers(d.h.id, float64(conn.Reused))
}

func (d *connecting) openDatagram(to netip.AddrPort, path string, isUnix bool) {
	l := d.c.vm.worker.Loop
	var u *socket.UDP
	var err string
	if isUnix {
		u, err = socket.OpenUnixgram(l, path)
	} else {
		u, err = socket.OpenUDP(l, to, d.bind)
	}
	if err != "" {
		d.fail(err)
		return
	}
	d.h.connecting, d.h.udp = false, u
	d.c.Return(d.h.id, 0)
}

// ownResolver is what finds names where the gateway gave no resolver.
var ownResolver = sync.OnceValue(func() *dns.Resolver {
	r, err := dns.New(dns.Options{HostsFile: "/etc/hosts", NotFoundTTL: 30 * time.Second, ErrorTTL: time.Second})
	if err != nil {
		return nil
	}
	return r
})

func (rt *Runtime) resolver(c *Call) *dns.Resolver {
	if g := c.Gateway(); g != nil && g.Resolver != nil {
		return g.Resolver
	}
	return ownResolver()
}

// handshake(id, ms, server name, verify, certificate, key, session): number of
// the session; nil, text. session is true, false or the number of one to resume.
func handshake(c *Call, h *handle) {
	switch {
	case h.connecting:
		c.Return(nil, "socket busy connecting")
		return
	case h.tcp == nil || h.tcp.Closed():
		c.Return(nil, socket.Closed)
		return
	case h.tcp.Busy():
		c.Return(nil, "socket busy reading")
		return
	case h.tcp.Writing():
		c.Return(nil, "socket busy writing")
		return
	case h.tcp.Secure():
		c.Return(0)
		return
	}
	hs := socket.Handshake{ServerName: c.String(2), Verify: c.Bool(3), CertificatePEM: c.String(4), KeyPEM: c.String(5),
		Timeout: c.milliseconds(1)}
	if hs.Verify {
		hs.Roots, hs.Depth = c.vm.rt.trusted(c), -1
		if d, ok := setting(c, "lua_ssl_verify_depth").(float64); ok {
			hs.Depth = int(d)
		}
	}
	ids := c.vm.sessions()
	hs.Resume = ids.find(c.Number(6))
	h.connecting = true
	c.OnCancel(h.close)
	h.tcp.Shake(hs, func(s *socket.Session, err string) {
		h.connecting = false
		if err != "" {
			h.close()
			c.Return(nil, err)
			return
		}
		c.Return(ids.add(s))
	})
}

// sessions are TLS sessions that Lua code has the number of; the oldest go first.
type sessions struct {
	first, last float64
	all         map[float64]*socket.Session
}

const maxSessions = 1000

func (vm *VM) sessions() *sessions {
	if vm.tls.all == nil {
		vm.tls.all = map[float64]*socket.Session{}
	}
	return &vm.tls
}

func (s *sessions) find(id float64) *socket.Session { return s.all[id] }

func (s *sessions) add(one *socket.Session) float64 {
	s.last++
	s.all[s.last] = one
	for len(s.all) > maxSessions {
		s.first++
		delete(s.all, s.first)
	}
	return s.last
}

// trusted are the authorities of the setting lua_ssl_trusted_certificate.
func (rt *Runtime) trusted(c *Call) *socket.Roots {
	var files []string
	switch v := setting(c, "lua_ssl_trusted_certificate").(type) {
	case string:
		files = strings.Split(v, ",")
	case []any:
		for _, f := range v {
			if s, ok := f.(string); ok {
				files = append(files, s)
			}
		}
	}
	for i := range files {
		files[i] = strings.TrimSpace(files[i])
	}
	if len(files) == 0 {
		files = []string{"system"}
	}
	key := strings.Join(files, ",")
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.roots == nil || rt.rootsOf != key {
		rt.roots, rt.rootsOf = &socket.Roots{Files: files}, key
	}
	return rt.roots
}
