package loop

import (
	"errors"
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrAgain says that the socket has nothing (more) now.
var ErrAgain = errors.New("would block")

// Layer is something between the socket and its user, such as TLS. Read gives
// ErrAgain when more bytes must come first; Write takes everything.
type Layer interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	// CloseWrite tells the other side that no more will come (close_notify).
	CloseWrite() error
}

// Conn is a non-blocking socket of one loop. Its user reads until ErrAgain;
// what the kernel does not take of a write waits in the Conn, and the user
// stops writing while Pending is not 0.
type Conn struct {
	L     *Loop
	FD    int
	Layer Layer
	// CanRead: an edge was seen and not drained yet. HungUp: the other side is gone.
	CanRead, HungUp bool
	// Connecting: a connect is under way; Writable or HangUp ends it.
	Connecting bool
	closed     bool
	// drained: the last read got all that the socket had, and no edge came since.
	drained bool
	// soon waits in the loop's buffer for the end of the round; delay is set
	// while a write may wait there.
	soon  []byte
	delay bool
	out   []byte
	sent  int  // of out
	shut  bool // Shutdown was called before all of out was sent
	// Received and Sent count bytes on the socket.
	Received, Sent uint64
}

// Open registers the socket fd, with h told of its edges.
func (c *Conn) Open(l *Loop, fd int, h Handler) error {
	*c = Conn{L: l, FD: fd, out: c.out[:0]}
	_, err := l.Register(fd, h, Readable|Writable)
	return err
}

// Closed says whether Close was called.
func (c *Conn) Closed() bool { return c.closed }

// Close closes the socket at once; what waits to be written is lost.
func (c *Conn) Close() {
	if c.closed {
		return
	}
	c.WriteNow()
	c.closed = true
	c.L.Unregister(c.FD)
	_ = unix.Close(c.FD)
	if cap(c.out) > 64<<10 {
		c.out = nil
	}
}

// Reset closes the connection with a TCP reset.
func (c *Conn) Reset() {
	if !c.closed {
		_ = unix.SetsockoptLinger(c.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		c.Close()
	}
}

// Detach takes the socket out of the loop without closing it. What waits to be
// written stays in c and is forgotten by its next Open.
func (c *Conn) Detach() int {
	c.WriteNow()
	c.closed = true
	c.L.Unregister(c.FD)
	return c.FD
}

// Note records ev; the handler calls it first.
func (c *Conn) Note(ev Events) {
	if ev&Readable != 0 {
		c.CanRead, c.drained = true, false
	}
	if ev&HangUp != 0 {
		c.HungUp = true
	}
}

// Read reads what is there: ErrAgain for nothing, io.EOF for the end.
func (c *Conn) Read(p []byte) (int, error) {
	if c.Layer != nil {
		n, err := c.Layer.Read(p)
		// The layer may hold more than the socket does: read until it says no.
		// An end stays readable, as a socket's does.
		c.CanRead = err != ErrAgain
		return n, err
	}
	return c.RawRead(p)
}

// RawRead reads from the socket below any Layer. p must have room.
func (c *Conn) RawRead(p []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed // the number may be another's by now
	}
	if len(p) == 0 {
		return 0, io.ErrShortBuffer // a read of nothing looks like the end
	}
	if c.drained && !c.HungUp {
		c.CanRead = false
		return 0, ErrAgain
	}
	for {
		n, _, e := recv(c.FD, p)
		switch e {
		case 0:
			if n == 0 {
				return 0, io.EOF
			}
			c.Received += uint64(n)
			if int(n) < len(p) && !c.HungUp {
				c.CanRead, c.drained = false, true // the next byte is a new edge
			}
			return int(n), nil
		case syscall.EAGAIN:
			c.CanRead, c.drained = false, true
			return 0, ErrAgain
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}

// Write sends p, or keeps what the kernel does not take. An error means that
// the connection is broken.
func (c *Conn) Write(p []byte) error {
	if c.Layer != nil {
		_, err := c.Layer.Write(p)
		return err
	}
	return c.RawWrite(p)
}

// RawWrite sends p below any Layer.
func (c *Conn) RawWrite(p []byte) error {
	if c.closed {
		return net.ErrClosed
	}
	c.WriteNow()
	if c.Connecting || len(c.out) > c.sent {
		c.out = append(c.out, p...)
		return nil
	}
	if c.delay && c.keepSoon(p) {
		return nil
	}
	return c.put(p)
}

// put gives p to the kernel; what that does not take waits in out.
func (c *Conn) put(p []byte) error {
	for len(p) > 0 {
		n, _, e := send(c.FD, p)
		switch e {
		case 0:
			c.Sent += uint64(n)
			p = p[n:]
		case syscall.EAGAIN:
			c.out = append(c.out[:0], p...)
			c.sent = 0
			return nil
		case syscall.EINTR:
		default:
			return e
		}
	}
	return nil
}

// Shutdown says that no more will be sent (shutdown(2) with SHUT_WR), once
// what waits was.
func (c *Conn) Shutdown() error {
	c.WriteNow()
	if c.Pending() > 0 {
		c.shut = true
		return nil
	}
	return unix.Shutdown(c.FD, unix.SHUT_WR)
}

// Pending is how many bytes wait for the kernel.
func (c *Conn) Pending() int { return len(c.out) - c.sent }

// Flush sends what waits, as far as the kernel takes it.
func (c *Conn) Flush() error {
	if c.closed {
		return net.ErrClosed
	}
	if c.Connecting || c.sent == len(c.out) {
		return nil
	}
	for c.sent < len(c.out) {
		p := c.out[c.sent:]
		n, _, e := send(c.FD, p)
		switch e {
		case 0:
			c.Sent += uint64(n)
			c.sent += int(n)
		case syscall.EAGAIN:
			return nil
		case syscall.EINTR:
		default:
			return e
		}
	}
	if cap(c.out) > 64<<10 {
		c.out = nil // a slow reader's backlog must not stay with the connection
	} else {
		c.out = c.out[:0]
	}
	c.sent = 0
	if c.shut {
		c.shut = false
		return unix.Shutdown(c.FD, unix.SHUT_WR)
	}
	return nil
}

// Connected ends a connect: nil, or why it failed.
func (c *Conn) Connected() error {
	c.Connecting = false
	v, err := unix.GetsockoptInt(c.FD, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if v != 0 {
		return syscall.Errno(v)
	}
	return nil
}

// recv and send are what read and write do on a socket, without the way through
// the kernel's files, which is a tenth of a small message's cost.
func recv(fd int, p []byte) (n, _ uintptr, e syscall.Errno) {
	return syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
}

func send(fd int, p []byte) (n, _ uintptr, e syscall.Errno) {
	return syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
}
