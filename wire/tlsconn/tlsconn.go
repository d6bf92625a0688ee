package tlsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Session is an established TLS session whose socket is not on a loop yet:
// Attach puts it there.
type Session struct {
	conn *tls.Conn
	t    *transport
	end  error // of reading, when all bytes before it are out
	// FD is the socket, non-blocking, owned by whoever got the Session.
	FD int
	// State is the connection's state after the handshake.
	State tls.ConnectionState
}

// Options of a handshake.
type Options struct {
	// Timeout bounds the handshake, 0 = not at all.
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
	err = shake(conn, o.Timeout)
	// The duplicate goes; fd itself was never given to the poller.
	t.Conn = nil
	_ = parked.Close()
	if err != nil {
		done(nil, err)
		return
	}
	done(&Session{conn: conn, t: t, FD: fd, State: conn.ConnectionState()}, nil)
}

// shake runs the handshake. The context is what callbacks of the tls.Config
// see; when it ends, crypto/tls closes the transport, which ends its reads.
func shake(conn *tls.Conn, timeout time.Duration) error {
	if timeout <= 0 {
		return conn.Handshake()
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return conn.HandshakeContext(ctx)
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
	if s.end != nil {
		return 0, s.end
	}
	n, err := s.conn.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, errWouldBlock):
		err = loop.ErrAgain
	case n > 0:
		s.end = err // crypto/tls gives the last bytes together with the end behind them
	}
	if n > 0 {
		return n, nil
	}
	return n, err
}

// Write implements loop.Layer. What the kernel does not take waits in the
// Conn. The records of p go to the kernel together.
func (s *Session) Write(p []byte) (int, error) {
	if len(p) <= smallRecord {
		return s.conn.Write(p)
	}
	t := s.t
	buf := corks.Get().(*[]byte)
	t.cork = (*buf)[:0]
	n, err := s.conn.Write(p)
	if e := t.uncork(); err == nil {
		err = e
	}
	*buf, t.cork = t.cork[:0], nil
	corks.Put(buf)
	return n, err
}

// smallRecord is what fits into one record at least: crypto/tls begins with
// records of one TCP segment.
const smallRecord = 1024

// corkSize is how many bytes of records are gathered for one write.
const corkSize = 64 << 10

var corks = sync.Pool{New: func() any { b := make([]byte, 0, corkSize); return &b }}

// CloseWrite implements loop.Layer: it sends close_notify.
func (s *Session) CloseWrite() error { return s.conn.CloseWrite() }

// transport is what crypto/tls reads and writes: a net.Conn of Go's poller
// during the handshake, the loop's socket afterwards.
type transport struct {
	net.Conn
	c      *loop.Conn
	prefix []byte
	owner  any
	cork   []byte // records gathered by Session.Write, nil outside of it
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
	if t.cork != nil {
		if len(t.cork)+len(p) > cap(t.cork) {
			if err := t.uncork(); err != nil {
				return 0, err
			}
		}
		t.cork = append(t.cork, p...)
		return len(p), nil
	}
	if err := t.c.RawWrite(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *transport) uncork() error {
	if len(t.cork) == 0 {
		return nil
	}
	err := t.c.RawWrite(t.cork)
	t.cork = t.cork[:0]
	return err
}

// Close implements net.Conn. The socket belongs to the session's owner; a
// handshake that is under way is woken, since its time is over.
func (t *transport) Close() error {
	if t.Conn == nil {
		return nil
	}
	return t.Conn.SetDeadline(time.Unix(1, 0))
}

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
