package socket

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// MaxDatagram is the most that one receive gives (lua-nginx-module's limit).
const MaxDatagram = 64 << 10

// UDP is a socket that talks to one address, by UDP or over a unix socket.
type UDP struct {
	l      *loop.Loop
	fd     int
	closed bool
	ready  bool
	timer  loop.Timer
	size   int
	done   func(data []byte, err string)
}

// OpenUDP makes a socket that talks to addr, from the address bind if valid.
func OpenUDP(l *loop.Loop, addr netip.AddrPort, bind netip.Addr) (*UDP, string) {
	family, sa := sockaddr(addr)
	var from unix.Sockaddr
	if bind.IsValid() {
		_, from = sockaddr(netip.AddrPortFrom(bind, 0))
	}
	return openDatagram(l, family, sa, from)
}

// OpenUnixgram makes a datagram socket that talks to the unix socket path.
func OpenUnixgram(l *loop.Loop, path string) (*UDP, string) {
	return openDatagram(l, unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, &unix.SockaddrUnix{})
}

func openDatagram(l *loop.Loop, family int, sa, from unix.Sockaddr) (*UDP, string) {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, text(err)
	}
	if from != nil {
		err = unix.Bind(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	u := &UDP{l: l, fd: fd}
	if err == nil {
		_, err = l.Register(fd, u, loop.Readable)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, text(err)
	}
	u.timer.Init(l, func() { u.answer(nil, Timeout) })
	return u, ""
}

// Send sends one datagram.
func (u *UDP) Send(p []byte) string { return text(loop.SendUDP(u.fd, p)) }

// Busy says whether a receive waits.
func (u *UDP) Busy() bool { return u.done != nil }

// Receive gives the next datagram, cut to size bytes.
func (u *UDP) Receive(size int, timeout int64, done func(data []byte, err string)) {
	u.size, u.done = min(size, MaxDatagram), done
	if u.ready && u.read() {
		return
	}
	if timeout > 0 {
		u.timer.At(u.l.Refresh() + timeout)
	}
}

// Cancel forgets the receive that waits.
func (u *UDP) Cancel() {
	u.done = nil
	u.timer.Off()
}

// Ready implements loop.Handler.
func (u *UDP) Ready(loop.Events) {
	u.ready = true
	if u.done != nil && !u.closed {
		u.read()
	}
}

func (u *UDP) read() bool {
	for {
		n, err := unix.Read(u.fd, u.l.Buffer[:max(u.size, 1)])
		switch err {
		case nil:
			u.answer(u.l.Buffer[:min(n, u.size)], "")
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			u.ready = false
			return false
		default:
			u.answer(nil, text(err))
			return true
		}
	}
}

func (u *UDP) answer(data []byte, err string) {
	d := u.done
	u.done = nil
	u.timer.Off()
	if d != nil {
		d(data, err)
	}
}

// Closed says whether the socket was closed.
func (u *UDP) Closed() bool { return u.closed }

// Close ends the socket; a receive that waits ends with "closed".
func (u *UDP) Close() {
	if u.closed {
		return
	}
	u.closed = true
	u.timer.Drop()
	u.l.Unregister(u.fd)
	_ = unix.Close(u.fd)
	u.answer(nil, Closed)
}
