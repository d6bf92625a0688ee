package pipe

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// maxHeld bounds what a Reader gathers for one answer, in bytes.
const maxHeld = 16 << 20

var errTooLong = errors.New("line too long")

// Reader reads one of the process's output streams; see socket.Reader. It reads only while somebody
// waits, so a process that nobody listens to fills its pipe and stops.
type Reader struct {
	socket.Reader
	l      *loop.Loop
	fd     int
	closed bool
}

func (r *Reader) open(l *loop.Loop, fd int) error {
	r.l, r.fd = l, fd
	r.Init(l)
	r.Open((*output)(r))
	_, err := l.Register(fd, r, loop.Readable)
	return err
}

// Ready implements loop.Handler.
func (r *Reader) Ready(loop.Events) {
	if !r.closed && r.Busy() {
		r.Reader.Ready()
	}
}

// Closed says whether Close was called.
func (r *Reader) Closed() bool { return r.closed }

// Close closes the stream; a receive that waits ends with "closed".
func (r *Reader) Close() {
	if r.closed {
		return
	}
	r.closed = true
	r.l.Unregister(r.fd)
	_ = unix.Close(r.fd)
	r.Reader.Close()
}

// output is a Reader as its socket.Reader sees it.
type output Reader

// Read implements socket.Source.
func (o *output) Read(p []byte) (int, error) {
	if o.Buffered() > maxHeld {
		return 0, errTooLong
	}
	n, err := again(func() (int, error) { return unix.Read(o.fd, p) })
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

// again does what a signal interrupted once more.
func again(do func() (int, error)) (int, error) {
	for {
		n, err := do()
		switch err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, loop.ErrAgain
		default:
			return n, err
		}
	}
}

// Writer writes to the process's input. One write at a time.
type Writer struct {
	l      *loop.Loop
	fd     int
	closed bool
	timer  loop.Timer
	rest   []byte
	total  int
	done   func(n int, err string)
}

func (w *Writer) open(l *loop.Loop, fd int) error {
	w.l, w.fd = l, fd
	w.timer.Init(l, func() { w.finish(0, socket.Timeout) })
	_, err := l.Register(fd, w, loop.Writable)
	return err
}

// Busy says whether a write waits.
func (w *Writer) Busy() bool { return w.done != nil }

// Closed says whether the stream is closed.
func (w *Writer) Closed() bool { return w.closed }

// Write writes data, which must stay as it is until done is called: with the number of bytes, or an error
// text. timeout in ns, 0 = none.
func (w *Writer) Write(data []byte, timeout int64, done func(n int, err string)) {
	w.rest, w.total, w.done = data, len(data), done
	if w.push(); w.done != nil && timeout > 0 {
		w.timer.At(w.l.Refresh() + timeout)
	}
}

// Cancel forgets the write that waits, and what it has not written.
func (w *Writer) Cancel() {
	w.rest, w.done = nil, nil
	w.timer.Off()
}

// Ready implements loop.Handler.
func (w *Writer) Ready(loop.Events) {
	if !w.closed && w.done != nil {
		w.push()
	}
}

func (w *Writer) push() {
	for len(w.rest) > 0 {
		n, err := again(func() (int, error) { return unix.Write(w.fd, w.rest) })
		switch {
		case err == loop.ErrAgain:
			return
		case err == syscall.EPIPE:
			w.finish(0, socket.Closed)
			return
		case err != nil:
			w.finish(0, err.Error())
			return
		}
		w.rest = w.rest[n:]
	}
	w.finish(w.total, "")
}

func (w *Writer) finish(n int, err string) {
	done := w.done
	w.rest, w.done = nil, nil
	w.timer.Off()
	if done != nil {
		done(n, err)
	}
}

// Close closes the stream, which ends the process's input. A write that waits ends with why.
func (w *Writer) Close(why string) {
	if w.closed {
		return
	}
	w.closed = true
	w.timer.Drop()
	w.l.Unregister(w.fd)
	_ = unix.Close(w.fd)
	w.finish(0, why)
}
