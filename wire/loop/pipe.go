package loop

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pipe is a kernel pipe through which bytes go from one socket to another
// without a copy in user space (splice). Both sockets must be plain: a Layer
// would be bypassed.
type Pipe struct {
	r, w int
	size int
	// n is how many bytes are in it.
	n int
}

// Pipes are the pipes of one loop. A pipe is taken while bytes are on their
// way, so that idle connections hold none.
type Pipes struct {
	// Max bounds the pipes that exist at once; 0 = none. Size is how much one
	// should hold in bytes; the system's limits may make it less.
	Max, Size int

	free []*Pipe
	open int
}

// keepPipes is how many unused pipes stay open.
const keepPipes = 64

// Get takes a pipe; nil when there are Max, or the system gives none.
func (ps *Pipes) Get() *Pipe {
	if n := len(ps.free); n > 0 {
		p := ps.free[n-1]
		ps.free = ps.free[:n-1]
		return p
	}
	if ps.open >= ps.Max {
		return nil
	}
	var fd [2]int
	if unix.Pipe2(fd[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	p := &Pipe{r: fd[0], w: fd[1], size: 64 << 10}
	if ps.Size > p.size {
		if n, err := unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, ps.Size); err == nil {
			p.size = n
		}
	}
	ps.open++
	return p
}

// Put gives a pipe back; one that still holds bytes is closed.
func (ps *Pipes) Put(p *Pipe) {
	if p.n == 0 && len(ps.free) < keepPipes {
		ps.free = append(ps.free, p)
		return
	}
	ps.open--
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// Close closes the unused pipes.
func (ps *Pipes) Close() {
	for _, p := range ps.free {
		ps.open--
		_ = unix.Close(p.r)
		_ = unix.Close(p.w)
	}
	ps.free = nil
}

// Len is how many bytes are in the pipe.
func (p *Pipe) Len() int { return p.n }

const spliceFlags = 1 | 2 // SPLICE_F_MOVE | SPLICE_F_NONBLOCK

// Fill moves at most limit bytes from the socket of c into the empty pipe: ErrAgain
// for nothing there, io.EOF for the end.
func (p *Pipe) Fill(c *Conn, limit int) (int, error) {
	for {
		n, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(c.FD), 0, uintptr(p.w), 0, uintptr(min(limit, p.size)), spliceFlags)
		switch e {
		case 0:
			if n == 0 {
				return 0, io.EOF
			}
			p.n += int(n)
			c.Received += uint64(n)
			return int(n), nil
		case syscall.EAGAIN:
			c.CanRead = false
			return 0, ErrAgain
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}

// Drain moves what is in the pipe to the socket of c. ErrAgain: the socket
// takes no more now.
func (p *Pipe) Drain(c *Conn) error {
	for p.n > 0 {
		n, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(p.r), 0, uintptr(c.FD), 0, uintptr(p.n), spliceFlags)
		switch e {
		case 0:
			if n == 0 {
				return io.ErrUnexpectedEOF
			}
			p.n -= int(n)
			c.Sent += uint64(n)
		case syscall.EAGAIN:
			return ErrAgain
		case syscall.EINTR:
		default:
			return e
		}
	}
	return nil
}
