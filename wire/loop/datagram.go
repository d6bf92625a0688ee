package loop

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is a socket address as the kernel writes it: comparable, so that it
// can be the key of a map, and ready to be sent to.
type Address struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uint32
}

// AddrPort is the address in Go's form.
func (a *Address) AddrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.raw[2:])
	if binary.NativeEndian.Uint16(a.raw[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.raw[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.raw[8:24])).Unmap(), port)
}

// message is struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   uint32
}

// controlSize holds one pktinfo of either family.
const controlSize = 64

// Datagrams is a batch of received datagrams. Its memory is used again by the
// next Receive.
type Datagrams struct {
	msgs  []mmsghdr
	iovs  []unix.Iovec
	names []Address
	ctl   [][controlSize]byte
	bufs  []byte
	size  int
}

// MaxDatagram is the longest payload of a UDP datagram over IPv4.
const MaxDatagram = 65507

// NewDatagrams makes room for n datagrams of MaxDatagram bytes. Pages that no
// datagram reaches cost no memory.
func NewDatagrams(n int) *Datagrams {
	const size = 64 << 10
	d := &Datagrams{msgs: make([]mmsghdr, n), iovs: make([]unix.Iovec, n), names: make([]Address, n),
		ctl: make([][controlSize]byte, n), bufs: make([]byte, n*size), size: size}
	for i := range d.msgs {
		d.iovs[i].Base = &d.bufs[i*size]
		d.iovs[i].SetLen(size)
		h := &d.msgs[i].hdr
		h.Iov = &d.iovs[i]
		h.SetIovlen(1)
		h.Name = &d.names[i].raw[0]
	}
	return d
}

// Receive takes what waits at the socket, as far as there is room: ErrAgain
// for nothing. When it gives less than the room, the socket was empty. local
// asks for the addresses that datagrams were sent to (see ListenUDP).
func (d *Datagrams) Receive(fd int, local bool) (int, error) {
	for i := range d.msgs {
		h := &d.msgs[i].hdr
		h.Namelen = uint32(len(d.names[i].raw))
		h.Control = nil
		h.SetControllen(0)
		if local {
			h.Control = &d.ctl[i][0]
			h.SetControllen(controlSize)
		}
	}
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&d.msgs[0])), uintptr(len(d.msgs)), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			return int(n), nil
		case syscall.EAGAIN:
			return 0, ErrAgain
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}

// Room is how many datagrams one Receive can take.
func (d *Datagrams) Room() int { return len(d.msgs) }

// Data is datagram i, valid until the next Receive.
func (d *Datagrams) Data(i int) []byte {
	return d.bufs[i*d.size : i*d.size+int(d.msgs[i].n)]
}

// From is the sender of datagram i.
func (d *Datagrams) From(i int) Address {
	a := d.names[i]
	a.len = d.msgs[i].hdr.Namelen
	clear(a.raw[min(int(a.len), len(a.raw)):])
	return a
}

// To is the address that datagram i was sent to, invalid without local.
func (d *Datagrams) To(i int) netip.Addr {
	h := &d.msgs[i].hdr
	n := int(h.Controllen)
	if h.Control == nil || n < unix.SizeofCmsghdr {
		return netip.Addr{}
	}
	b := d.ctl[i][:n]
	level, kind := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
	data := b[unix.CmsgLen(0):]
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		return netip.AddrFrom4([4]byte(data[8:12])) // ipi_addr: the header's destination
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		return netip.AddrFrom16([16]byte(data[:16])).Unmap()
	}
	return netip.Addr{}
}

// Outbox collects datagrams for one socket, to send many with one call.
type Outbox struct {
	msgs  []mmsghdr
	iovs  []unix.Iovec
	names []Address
	ctl   [][controlSize]byte
	ends  []int
	data  []byte
	n     int
}

// NewOutbox makes room for n datagrams.
func NewOutbox(n int) *Outbox {
	return &Outbox{msgs: make([]mmsghdr, n), iovs: make([]unix.Iovec, n), names: make([]Address, n), ctl: make([][controlSize]byte, n), ends: make([]int, n)}
}

// outboxBytes bounds what waits in an Outbox.
const outboxBytes = 256 << 10

// Full says that the box has to be sent before n more bytes go in.
func (o *Outbox) Full(n int) bool {
	return o.n == len(o.msgs) || o.n > 0 && len(o.data)+n > outboxBytes
}

// Empty says that nothing waits.
func (o *Outbox) Empty() bool { return o.n == 0 }

// Add puts a copy of p in, for to, sent from the address from if that is valid.
func (o *Outbox) Add(p []byte, to *Address, from netip.Addr) {
	i := o.n
	o.n++
	o.data = append(o.data, p...)
	o.ends[i] = len(o.data)
	o.names[i] = *to
	h := &o.msgs[i].hdr
	h.Control = nil
	h.SetControllen(0)
	if from.IsValid() {
		v6 := binary.NativeEndian.Uint16(to.raw[:]) == unix.AF_INET6
		n := putPktinfo(&o.ctl[i], from, v6)
		h.Control = &o.ctl[i][0]
		h.SetControllen(n)
	}
}

// putPktinfo writes the control message that chooses a source address.
func putPktinfo(ctl *[controlSize]byte, from netip.Addr, v6 bool) int {
	clear(ctl[:])
	data := ctl[unix.CmsgLen(0):]
	size := unix.SizeofInet4Pktinfo
	level, kind := uint32(unix.IPPROTO_IP), uint32(unix.IP_PKTINFO)
	if v6 {
		size, level, kind = unix.SizeofInet6Pktinfo, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		a := from.As16()
		copy(data, a[:])
	} else {
		a := from.Unmap().As4()
		copy(data[4:], a[:]) // ipi_spec_dst
	}
	binary.NativeEndian.PutUint64(ctl[:], uint64(unix.CmsgLen(size)))
	binary.NativeEndian.PutUint32(ctl[8:], level)
	binary.NativeEndian.PutUint32(ctl[12:], kind)
	return unix.CmsgSpace(size)
}

// Send sends everything. A datagram that the kernel refuses is dropped, as
// datagrams may be; the count of those and the last reason are given.
func (o *Outbox) Send(fd int) (dropped int, err error) {
	at := 0
	for i := range o.n {
		v := &o.iovs[i]
		v.Base = nil
		if o.ends[i] > at {
			v.Base = &o.data[at]
		}
		v.SetLen(o.ends[i] - at)
		at = o.ends[i]
		h := &o.msgs[i].hdr
		h.Iov = v
		h.SetIovlen(1)
		h.Name, h.Namelen = &o.names[i].raw[0], o.names[i].len
	}
	for i := 0; i < o.n; {
		n, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&o.msgs[i])), uintptr(o.n-i), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			i += int(n)
		case syscall.EINTR:
		default:
			i++
			dropped++
			err = e
		}
	}
	o.n, o.data = 0, o.data[:0]
	return dropped, err
}

// ListenUDP opens a non-blocking UDP socket. ReusePort spreads clients over
// the sockets of one address, each client always to the same one. On an
// unspecified address the kernel tells what datagrams were sent to.
func ListenUDP(addr netip.AddrPort, o ListenOptions) (int, error) {
	fd, sa, err := datagramSocket(addr)
	if err != nil {
		return -1, err
	}
	set := func(level, opt, v int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, opt, v)
		}
	}
	if o.ReusePort {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	v6 := addr.Addr().Is6() && !addr.Addr().Is4In6()
	if v6 {
		only := 1
		if o.IPv6Only != nil && !*o.IPv6Only {
			only = 0
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if addr.Addr().IsUnspecified() {
		if v6 {
			set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		} else {
			set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	}
	// Bursts come faster than a round of the loop; what does not fit is lost.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// DialUDP opens a non-blocking UDP socket that talks to addr only.
func DialUDP(addr netip.AddrPort) (int, error) {
	fd, sa, err := datagramSocket(addr)
	if err != nil {
		return -1, err
	}
	if err = unix.Connect(fd, sa); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func datagramSocket(addr netip.AddrPort) (int, unix.Sockaddr, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(nil)
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return fd, sa, err
}

// SendUDP sends one datagram on a connected socket. An error may also be that
// of an earlier datagram (ECONNREFUSED: nobody listens there).
func SendUDP(fd int, p []byte) error {
	var base unsafe.Pointer
	if len(p) > 0 {
		base = unsafe.Pointer(&p[0])
	}
	for {
		_, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(base), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			return nil
		case syscall.EAGAIN:
			return ErrAgain
		case syscall.EINTR:
		default:
			return e
		}
	}
}
