// Package tlsconn puts crypto/tls on an event loop: the handshake runs in a
// goroutine of its own on Go's poller, then the session is driven from the
// loop as a layer of its loop.Conn.
//
// It chooses no certificates and verifies nothing itself: that is in the
// tls.Config it is given. There is one file, this one.
package tlsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Session is an established TLS session whose socket is not on a loop yet:
// Attach puts it there.
type Session struct {
	conn *tls.Conn
	t    *transport
	// FD is the socket, non-blocking, owned by whoever got the Session.
	FD int
	// State is the connection's state after the handshake.
	State tls.ConnectionState
}

// Options of a handshake.
type Options struct {
	// Timeout bounds the handshake.
	Timeout time.Duration
	// Prefix are bytes that were already read from the socket.
	Prefix []byte
	// Owner is what OwnerOf finds in the Config's callbacks.
	Owner any
}

// Server shakes hands as a server on the socket fd, in a new goroutine, and
// calls done from it. On error fd is still open and the caller's.
func Server(fd int, config *tls.Config, o Options, done func(*Session, error)) {
	go run(fd, o, done, func(c net.Conn) *tls.Conn { return tls.Server(c, config) })
}

// Client shakes hands as a client; see Server.
func Client(fd int, config *tls.Config, o Options, done func(*Session, error)) {
	go run(fd, o, done, func(c net.Conn) *tls.Conn { return tls.Client(c, config) })
}

// OwnerOf is the Options.Owner of the connection that a ClientHelloInfo's Conn is.
func OwnerOf(c net.Conn) any {
	if t, ok := c.(*transport); ok {
		return t.owner
	}
	return nil
}

func run(fd int, o Options, done func(*Session, error), wrap func(net.Conn) *tls.Conn) {
	parked, err := park(fd)
	if err != nil {
		done(nil, err)
		return
	}
	t := &transport{Conn: parked, prefix: o.Prefix, owner: o.Owner}
	conn := wrap(t)
	ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
	err = conn.HandshakeContext(ctx)
	cancel()
	// The duplicate goes; fd itself was never given to the poller.
	t.Conn = nil
	_ = parked.SetDeadline(time.Time{})
	_ = parked.Close()
	if err != nil {
		done(nil, err)
		return
	}
	done(&Session{conn: conn, t: t, FD: fd, State: conn.ConnectionState()}, nil)
}

// park makes a net.Conn of a duplicate of fd.
func park(fd int) (net.Conn, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dup), "tls")
	defer f.Close()
	return net.FileConn(f)
}

// Attach makes the session the layer of c, whose socket is the session's.
func (s *Session) Attach(c *loop.Conn) {
	s.t.c = c
	c.Layer = s
	c.CanRead = true // bytes may wait inside the session
}

// Read implements loop.Layer.
func (s *Session) Read(p []byte) (int, error) {
	n, err := s.conn.Read(p)
	if err != nil && errors.Is(err, errWouldBlock) {
		return n, loop.ErrAgain
	}
	return n, err
}

// Write implements loop.Layer. What the kernel does not take waits in the Conn.
func (s *Session) Write(p []byte) (int, error) { return s.conn.Write(p) }

// CloseWrite implements loop.Layer: it sends close_notify.
func (s *Session) CloseWrite() error { return s.conn.CloseWrite() }

// transport is what crypto/tls reads and writes: a net.Conn of Go's poller
// during the handshake, the loop's socket afterwards.
type transport struct {
	net.Conn
	c      *loop.Conn
	prefix []byte
	owner  any
}

// Read implements net.Conn.
func (t *transport) Read(p []byte) (int, error) {
	if len(t.prefix) > 0 {
		n := copy(p, t.prefix)
		t.prefix = t.prefix[n:]
		return n, nil
	}
	if t.c == nil {
		if t.Conn == nil {
			return 0, errWouldBlock
		}
		return t.Conn.Read(p)
	}
	n, err := t.c.RawRead(p)
	if err == loop.ErrAgain {
		return 0, errWouldBlock
	}
	return n, err
}

// Write implements net.Conn.
func (t *transport) Write(p []byte) (int, error) {
	if t.c == nil {
		if t.Conn == nil {
			return 0, net.ErrClosed
		}
		return t.Conn.Write(p)
	}
	if err := t.c.RawWrite(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.Conn; the socket belongs to the session's owner.
func (t *transport) Close() error { return nil }

// SetWriteDeadline implements net.Conn.
func (t *transport) SetWriteDeadline(d time.Time) error {
	if t.Conn == nil {
		return nil
	}
	return t.Conn.SetWriteDeadline(d)
}

// SetDeadline implements net.Conn.
func (t *transport) SetDeadline(d time.Time) error {
	if t.Conn == nil {
		return nil
	}
	return t.Conn.SetDeadline(d)
}

// RemoteAddr implements net.Conn.
func (t *transport) RemoteAddr() net.Addr {
	if t.Conn == nil {
		return &net.TCPAddr{}
	}
	return t.Conn.RemoteAddr()
}

// LocalAddr implements net.Conn.
func (t *transport) LocalAddr() net.Addr {
	if t.Conn == nil {
		return &net.TCPAddr{}
	}
	return t.Conn.LocalAddr()
}

// errWouldBlock is temporary, so that crypto/tls keeps half a record and goes on later.
var errWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "would block" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }
