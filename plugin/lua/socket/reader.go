package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Words of errors that Lua code compares.
const (
	Timeout = "timeout"
	Closed  = "closed"
)

// Kind says what a receive waits for.
type Kind uint8

// The kinds.
const (
	Line  Kind = iota // up to a line feed, which is dropped with all carriage returns
	Count             // N bytes
	Any               // what is there, at most N bytes
	All               // everything up to the end
	Until             // up to a pattern
	Head              // up to an empty line, which comes with it; N bounds it
)

// TooLong is the error of a Head that is longer than it may be.
const TooLong = "response head too long"

// TooMuch is the error of a receive for which the other side sends without end:
// Most bytes are there, and they are not all it waits for.
const (
	TooMuch = "too much data"
	Most    = 256 << 20
)

// Request is one receive.
type Request struct {
	Kind Kind
	// N is the count; of Until the most bytes at once, 0 = up to the pattern.
	N int
	// Pattern of Until. Inclusive keeps it at the end of the data.
	Pattern   []byte
	Inclusive bool
	// Timeout in nanoseconds between two arrivals of bytes, 0 = none.
	Timeout int64
}

// Source is where a Reader reads: loop.ErrAgain when more comes later (then
// Reader.Ready is called), io.EOF at the end.
type Source interface {
	Read(p []byte) (int, error)
}

// Done takes the result of a receive: data, valid during the call, and an error
// text. With an error data is what came before it. found is false of a Request
// with Until and N whose next bytes are the pattern: it was taken, there is no data.
type Done func(data []byte, found bool, err string)

// Reader reads a stream in the ways of Lua's receive. It reads from its source
// only while somebody waits, so a slow reader slows the sender down.
type Reader struct {
	l     *loop.Loop
	src   Source
	timer loop.Timer
	buf   []byte
	at    int    // of buf: what was delivered
	scan  int    // of buf: where the search goes on
	end   string // why nothing more comes, once that was told
	stop  string // what the source said; told after the bytes before it
	req   Request
	done  Done
	most  int // bytes that one receive may gather
	// reading: Ready is at work.
	reading bool
}

// Init sets r up; src may be nil until Open.
func (r *Reader) Init(l *loop.Loop) {
	r.l, r.most = l, Most
	r.timer.Init(l, r.expired)
}

// Open begins to read from src.
func (r *Reader) Open(src Source) {
	r.src, r.end, r.stop, r.at, r.scan = src, "", "", 0, 0
	r.buf = r.buf[:0]
}

// Busy says whether a receive waits.
func (r *Reader) Busy() bool { return r.done != nil }

// Buffered is how many bytes came that nobody took.
func (r *Reader) Buffered() int { return len(r.buf) - r.at }

// Ended says whether a receive was told of the end.
func (r *Reader) Ended() bool { return r.end != "" }

// Close ends the reader; a receive that waits ends with "closed".
func (r *Reader) Close() {
	r.timer.Drop()
	r.src = nil
	r.end = Closed
	r.buf, r.at = nil, 0
	if d := r.done; d != nil {
		r.done = nil
		d(nil, true, Closed)
	}
}

// Cancel forgets the receive that waits; its bytes stay.
func (r *Reader) Cancel() {
	r.done = nil
	r.timer.Off()
}

// Receive answers q now or later. One at a time.
func (r *Reader) Receive(q Request, done Done) {
	r.req, r.scan = q, r.at
	r.done = done
	if r.advance() {
		return
	}
	if q.Timeout > 0 {
		r.timer.At(r.l.Refresh() + q.Timeout)
	}
	r.Ready()
}

// Ready reads what the source has while somebody waits.
func (r *Reader) Ready() {
	if r.reading {
		return // the source called from within Read
	}
	r.reading = true
	defer func() { r.reading = false }()
	for r.done != nil && r.src != nil {
		n, err := r.src.Read(r.l.Buffer)
		if n > 0 {
			r.put(r.l.Buffer[:n])
			if r.done != nil && r.req.Timeout > 0 {
				r.timer.At(r.l.Now() + r.req.Timeout)
			}
		}
		switch {
		case err == loop.ErrAgain:
			return
		case err != nil:
			r.stop = text(err)
			if r.done != nil { // the bytes before the end may have answered it
				r.advance()
			}
			return
		}
	}
}

// put appends bytes and looks whether they answer the request.
func (r *Reader) put(p []byte) {
	if r.at > 0 && (r.at == len(r.buf) || r.at > 64<<10) {
		n := copy(r.buf, r.buf[r.at:])
		r.buf, r.scan, r.at = r.buf[:n], max(r.scan-r.at, 0), 0
	}
	r.buf = append(r.buf, p...)
	if r.done != nil && !r.advance() && r.Buffered() > r.most {
		r.end, r.at = TooMuch, len(r.buf)
		r.answer(nil, true, TooMuch)
	}
}

// Inherit makes the bytes that o read ahead the first of r.
func (r *Reader) Inherit(o *Reader) {
	r.buf = append(r.buf, o.buf[o.at:]...)
	o.at = len(o.buf)
}

func (r *Reader) expired() {
	if r.done == nil {
		return
	}
	data := r.buf[r.at:]
	r.at = len(r.buf)
	r.answer(data, true, Timeout)
}

// advance answers the request if it can be, and says so.
func (r *Reader) advance() bool {
	data, found, ok := r.match()
	switch {
	case ok:
		r.answer(data, found, "")
	case r.stop != "" && r.end == "":
		data = r.buf[r.at:]
		r.at = len(r.buf)
		if r.req.Kind == All && r.stop == Closed {
			r.answer(data, true, "")
			return true
		}
		r.end = r.stop
		r.answer(data, true, r.stop)
	case r.end != "":
		r.answer(nil, true, r.end)
	default:
		return false
	}
	return true
}

func (r *Reader) answer(data []byte, found bool, err string) {
	d := r.done
	r.done = nil
	r.timer.Off()
	d(data, found, err)
	if cap(r.buf) > 256<<10 && r.Buffered() == 0 {
		r.buf, r.at = nil, 0 // one big message must not stay with the connection
	}
}

// take delivers n bytes and drops as many as skip more.
func (r *Reader) take(n, skip int) []byte {
	data := r.buf[r.at : r.at+n]
	r.at += n + skip
	return data
}

// match looks whether the bytes at hand answer the request.
func (r *Reader) match() (data []byte, found, ok bool) {
	have := r.buf[r.at:]
	switch r.req.Kind {
	case Line:
		i := bytes.IndexByte(r.buf[r.scan:], '\n')
		if i < 0 {
			r.scan = len(r.buf)
			return nil, true, false
		}
		return withoutCR(r.take(r.scan-r.at+i, 1)), true, true
	case Count:
		if len(have) < r.req.N {
			return nil, true, false
		}
		return r.take(r.req.N, 0), true, true
	case Any:
		if len(have) == 0 {
			return nil, true, false
		}
		return r.take(min(len(have), r.req.N), 0), true, true
	case Until:
		return r.matchUntil()
	case Head:
		return r.matchHead()
	}
	return nil, true, false
}

func (r *Reader) matchHead() (data []byte, found, ok bool) {
	for {
		i := bytes.IndexByte(r.buf[r.scan:], '\n')
		if i < 0 {
			if len(r.buf)-r.at > r.req.N {
				r.stop = TooLong
			}
			return nil, true, false
		}
		line := withoutCR(r.buf[r.scan : r.scan+i])
		r.scan += i + 1
		if len(line) == 0 {
			return r.take(r.scan-r.at, 0), true, true
		}
	}
}

func (r *Reader) matchUntil() (data []byte, found, ok bool) {
	p, n := r.req.Pattern, r.req.N
	from := max(r.scan-len(p)+1, r.at)
	i := bytes.Index(r.buf[from:], p)
	if i >= 0 {
		i += from - r.at
		switch {
		case n > 0 && i == 0:
			r.take(0, len(p))
			return nil, false, true
		case n > 0 && i > n:
			return r.take(n, 0), true, true
		case n > 0:
			return r.take(i, 0), true, true
		case r.req.Inclusive:
			return r.take(i+len(p), 0), true, true
		}
		return r.take(i, len(p)), true, true
	}
	r.scan = len(r.buf)
	if have := r.buf[r.at:]; n > 0 && len(have)-begun(have, p) >= n {
		return r.take(n, 0), true, true
	}
	return nil, true, false
}

// begun is how many bytes at the end of b may be the begin of p.
func begun(b, p []byte) int {
	for n := min(len(p)-1, len(b)); n > 0; n-- {
		if bytes.HasPrefix(p, b[len(b)-n:]) {
			return n
		}
	}
	return 0
}

// withoutCR drops all carriage returns, in place.
func withoutCR(line []byte) []byte {
	i := bytes.IndexByte(line, '\r')
	if i < 0 {
		return line
	}
	if i == len(line)-1 {
		return line[:i]
	}
	kept := line[:i]
	for _, b := range line[i:] {
		if b != '\r' {
			kept = append(kept, b)
		}
	}
	return kept
}

// text is the error as OpenResty's sockets word it.
func text(err error) string {
	var e syscall.Errno
	var op *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert ends the session
		return Closed
	case errors.As(err, &e):
		if e == syscall.ETIMEDOUT {
			return Timeout
		}
		return e.Error()
	}
	return err.Error()
}
