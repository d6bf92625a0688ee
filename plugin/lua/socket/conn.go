package socket

import (
	"errors"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Conn is a stream connection to a server: TCP or a unix socket, in the clear
// or over TLS. It is made by Dial and ends with Close or in a Pool.
type Conn struct {
	Reader
	conn  loop.Conn
	wtime loop.Timer
	// pool it counts in; idle the one it waits in, until rest fires.
	pool, idle *pool
	rest       loop.Timer
	// Reused is how often it came out of a pool.
	Reused int
	// secure: TLS is spoken. shaking: the handshake's goroutine has the socket.
	secure, shaking, closed bool

	wrote   func(n int, err string)
	sending int
	up      func(err string) // ends a connect
}

// target is where to connect to.
type target struct {
	addr netip.AddrPort
	path string // of a unix socket
	bind netip.Addr
}

// Dial connects to addr, from the address bind if that is valid. timeout in ns,
// 0 = the kernel's.
func Dial(l *loop.Loop, addr netip.AddrPort, bind netip.Addr, timeout int64, done func(*Conn, string)) *Conn {
	return dial(l, target{addr: addr, bind: bind}, timeout, done)
}

// DialUnix connects to the unix socket path.
func DialUnix(l *loop.Loop, path string, timeout int64, done func(*Conn, string)) *Conn {
	return dial(l, target{path: path}, timeout, done)
}

// dial returns the connection while it is being made, so that Close can give
// it up; nil if it failed at once.
func dial(l *loop.Loop, to target, timeout int64, done func(*Conn, string)) *Conn {
	fd, connecting, err := connect(to)
	if err != nil {
		done(nil, text(err))
		return nil
	}
	return adopt(l, fd, connecting, timeout, done)
}

// Adopt makes a connection of a connected, non-blocking stream socket.
func Adopt(l *loop.Loop, fd int, done func(*Conn, string)) *Conn {
	return adopt(l, fd, false, 0, done)
}

func adopt(l *loop.Loop, fd int, connecting bool, timeout int64, done func(*Conn, string)) *Conn {
	c := &Conn{}
	c.Init(l)
	c.wtime.Init(l, c.writeExpired)
	c.rest.Init(l, c.Close)
	if err := c.conn.Open(l, fd, c); err != nil {
		_ = unix.Close(fd)
		done(nil, text(err))
		return nil
	}
	c.Open((*source)(c))
	if !connecting {
		done(c, "")
		return c
	}
	c.conn.Connecting = true
	c.up = func(e string) {
		c.up = nil
		c.wtime.Off()
		if e != "" {
			c.Close()
			done(nil, e)
			return
		}
		done(c, "")
	}
	if timeout > 0 {
		c.wtime.At(l.Refresh() + timeout)
	}
	return c
}

func connect(to target) (fd int, connecting bool, err error) {
	family, sa := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: to.path})
	if to.path == "" {
		family, sa = sockaddr(to.addr)
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	if family != unix.AF_UNIX {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if to.bind.IsValid() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		_, from := sockaddr(netip.AddrPortFrom(to.bind, 0))
		err = unix.Bind(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	switch err {
	case nil:
		return fd, false, nil
	case syscall.EINPROGRESS:
		return fd, true, nil
	}
	_ = unix.Close(fd)
	return -1, false, err
}

func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
}

// source is the Conn as its Reader sees it.
type source Conn

// Read implements Source.
func (s *source) Read(p []byte) (int, error) {
	if !s.conn.CanRead {
		return 0, loop.ErrAgain
	}
	return s.conn.Read(p)
}

// Ready implements loop.Handler.
func (c *Conn) Ready(ev loop.Events) {
	if c.closed {
		return
	}
	c.conn.Note(ev)
	if c.up != nil {
		if ev&(loop.Writable|loop.HangUp) != 0 {
			c.up(text(c.conn.Connected()))
		}
		return
	}
	if ev&(loop.Writable|loop.HangUp) != 0 && c.conn.Pending() > 0 {
		c.flush()
	}
	switch {
	case c.closed:
	case c.idle != nil:
		if c.conn.CanRead && !c.quiet() {
			c.Close()
		}
	case c.Busy() && c.conn.CanRead:
		c.Reader.Ready()
	}
}

// quiet says whether nothing came that nobody asked for. Handshake messages
// of TLS may.
func (c *Conn) quiet() bool {
	n, err := c.conn.Read(c.l.Buffer)
	if n > 0 {
		c.put(c.l.Buffer[:n])
	}
	return n == 0 && err == loop.ErrAgain
}

// Writing says whether a send waits for the kernel.
func (c *Conn) Writing() bool { return c.wrote != nil }

// Secure says whether TLS is spoken.
func (c *Conn) Secure() bool { return c.secure }

// FD is the socket's descriptor.
func (c *Conn) FD() int { return c.conn.FD }

// Send sends p and calls done with its length once the kernel has taken all of
// it. p is not kept. timeout in ns between two steps of that. What is small goes
// out with what else the loop's round sends; a connection that the kernel finds
// broken then says so to the next receive.
func (c *Conn) Send(p []byte, timeout int64, done func(n int, err string)) {
	var err error
	if c.conn.HungUp {
		err = c.conn.Write(p)
	} else {
		err = c.conn.WriteSoon(p)
	}
	if err != nil {
		c.fail(err)
		done(0, text(err))
		return
	}
	if c.conn.Pending() == 0 {
		done(len(p), "")
		return
	}
	c.sending, c.wrote = len(p), done
	if timeout > 0 {
		c.wtime.At(c.l.Refresh() + timeout)
	}
}

// ErrShutdown refuses to shut one direction of TLS down, which would cut it
// short, or of a connection that still sends.
var ErrShutdown = errors.New("shutdown is for plain connections that have sent everything")

// ShutdownSend tells the peer that nothing more comes; it can still be read.
func (c *Conn) ShutdownSend() error {
	if c.secure || c.conn.Pending() > 0 {
		return ErrShutdown
	}
	return c.conn.Shutdown()
}

// fail ends a connection that broke while bytes were sent.
func (c *Conn) fail(error) { c.Close() }

func (c *Conn) flush() {
	if err := c.conn.Flush(); err != nil {
		done := c.wrote
		c.wrote = nil
		c.fail(err)
		if done != nil {
			done(0, text(err))
		}
		return
	}
	if done := c.wrote; done != nil && c.conn.Pending() == 0 {
		c.wrote = nil
		c.wtime.Off()
		done(c.sending, "")
	}
}

func (c *Conn) writeExpired() {
	if c.up != nil {
		c.up(Timeout)
		return
	}
	if done := c.wrote; done != nil {
		c.wrote = nil
		done(0, Timeout)
	}
}

// CancelSend forgets the send that waits; its bytes still go out.
func (c *Conn) CancelSend() {
	c.wrote = nil
	c.wtime.Off()
}

// Closed says whether the connection has ended.
func (c *Conn) Closed() bool { return c.closed }

// closePatience is how long the peer of a closed connection may take for what
// was sent to it and the kernel has no room for, in nanoseconds.
const closePatience = 5e9

// Close ends the connection. Operations that wait end with "closed".
func (c *Conn) Close() {
	if c.closed {
		return
	}
	c.closed = true
	c.wtime.Drop()
	if c.idle != nil {
		c.leaveIdle()
	}
	c.rest.Drop()
	if c.pool != nil {
		c.pool.leave(c)
	}
	if c.shaking {
		_ = unix.Shutdown(c.conn.FD, unix.SHUT_RDWR) // ends the goroutine, which then has the socket closed
	} else {
		if c.conn.Layer != nil && c.up == nil {
			_ = c.conn.Layer.CloseWrite()
		}
		if c.wrote == nil { // every send was told to have succeeded
			c.conn.CloseSent(closePatience)
		} else {
			c.conn.Close()
		}
	}
	c.Reader.Close()
	c.up = nil
	if done := c.wrote; done != nil {
		c.wrote = nil
		done(0, Closed)
	}
}

// SetOption sets a socket option by its Lua name; false for one it does not know.
func (c *Conn) SetOption(name string, value int) (known bool, err error) {
	o, ok := options[name]
	if !ok {
		return false, nil
	}
	return true, unix.SetsockoptInt(c.conn.FD, o[0], o[1], value)
}

// Option reads a socket option.
func (c *Conn) Option(name string) (value int, known bool, err error) {
	o, ok := options[name]
	if !ok {
		return 0, false, nil
	}
	value, err = unix.GetsockoptInt(c.conn.FD, o[0], o[1])
	return value, true, err
}

var options = map[string][2]int{
	"keepalive":    {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	"reuseaddr":    {unix.SOL_SOCKET, unix.SO_REUSEADDR},
	"tcp-nodelay":  {unix.IPPROTO_TCP, unix.TCP_NODELAY},
	"sndbuf":       {unix.SOL_SOCKET, unix.SO_SNDBUF},
	"rcvbuf":       {unix.SOL_SOCKET, unix.SO_RCVBUF},
	"tcp-keepidle": {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
}
