package loop

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dial starts a TCP connection to addr; h is told when it is writable.
func (c *Conn) Dial(l *Loop, addr netip.AddrPort, h Handler) error {
	family := unix.AF_INET
	var sa unix.Sockaddr
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	connecting := false
	switch err = unix.Connect(fd, sa); err {
	case nil:
	case syscall.EINPROGRESS:
		connecting = true
	default:
		_ = unix.Close(fd)
		return err
	}
	if err = c.Open(l, fd, h); err != nil {
		_ = unix.Close(fd)
		return err
	}
	c.Connecting = connecting
	return nil
}

// Accept takes one connection from a listening socket: ErrAgain for none.
func Accept(fd int) (conn int, peer netip.AddrPort, err error) {
	for {
		n, sa, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			return n, AddrOf(sa), nil
		case unix.EAGAIN:
			return -1, netip.AddrPort{}, ErrAgain
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return -1, netip.AddrPort{}, err
		}
	}
}

// AddrOf is a socket address as Go's net/netip has it; invalid for unix sockets.
func AddrOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// LocalAddr is the address that a socket is bound to.
func LocalAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return AddrOf(sa)
}

// ListenOptions say how to listen.
type ListenOptions struct {
	// Backlog of the socket, 0 = 511 (nginx's default).
	Backlog int
	// ReusePort opens a socket that others may share the address with.
	ReusePort bool
	// IPv6Only for IPv6 addresses; nil = the system's default of nginx, on.
	IPv6Only *bool
	// Deferred wakes only when data came (TCP_DEFER_ACCEPT).
	Deferred bool
}

func (o *ListenOptions) backlog() int {
	if o.Backlog <= 0 {
		return 511
	}
	return o.Backlog
}

// Listen opens a non-blocking TCP listening socket.
func Listen(addr netip.AddrPort, o ListenOptions) (int, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(nil)
	ip := addr.Addr()
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	set := func(level, opt, v int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, opt, v)
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if o.ReusePort {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if family == unix.AF_INET6 {
		v := 1
		if o.IPv6Only != nil && !*o.IPv6Only {
			v = 0
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v)
	}
	if o.Deferred {
		set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil {
		err = unix.Listen(fd, o.backlog())
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
