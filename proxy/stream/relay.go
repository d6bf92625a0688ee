package stream

import (
	"errors"
	"fmt"
	"io"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// direction moves the bytes that go one way.
//
// Small messages are copied through the loop's buffer: one read, one write. A
// flow that fills the buffer goes over to splice, which moves pages between
// the sockets through a pipe, until it becomes thin again. Filters and TLS see
// the bytes, so those flows are copied.
type direction struct {
	t        *tcpSession
	from, to *end
	way      pdk.Direction
	// pipe holds bytes on their way, nil when none are.
	pipe *loop.Pipe
	// bulk: go by splice. streak counts full reads, or thin ones when bulk.
	bulk   bool
	streak uint8
	// ended: from has sent its end. shut: so has to been told.
	ended, shut bool
}

const (
	// fairShare is how much one wake moves before others get their turn.
	fairShare = 1 << 20
	// thickStreak full reads make a flow bulk, thinStreak splices of less than
	// thinSplice bytes make it small again.
	thickStreak, thinStreak = 2, 8
	thinSplice              = 16 << 10
)

// relay implements transport. The first bytes move at the end of this round.
func (t *tcpSession) relay() plugin.Outcome {
	if t.taken {
		t.state = tcpHeld
		if !t.target.planned && t.entry.Service != nil {
			t.schedule()
		}
		t.timer.After(max(t.target.read, int64(1e9)))
	} else {
		t.state = tcpRelay
		t.timer.After(t.target.read)
		t.received += uint64(len(t.in))
	}
	t.w.Loop.Again(&t.client)
	return plugin.Suspend
}

// pump moves what can be moved, both ways.
func (t *tcpSession) pump() {
	for _, d := range [...]*direction{&t.upload, &t.download} {
		if at, err := d.move(); err != nil {
			t.broken(at, err)
			return
		}
	}
	if t.upload.shut && t.download.shut {
		t.over(200)
		return
	}
	if t.moved {
		t.moved = false
		t.timer.After(t.patience())
	}
}

// afterUpstream bounds the silence of a session whose upstream has sent its
// end: few clients go on talking to a service that does not answer any more.
const afterUpstream = 10e9

// patience is how long nothing may move.
func (t *tcpSession) patience() int64 {
	switch {
	case t.upload.blocked():
		return t.target.write
	case t.download.shut:
		return min(t.target.read, afterUpstream)
	}
	return t.target.read
}

// blocked says whether bytes wait for the other side to take them.
func (d *direction) blocked() bool {
	return d.to.open() && d.to.Pending() > 0 || d.pipe != nil && d.pipe.Len() > 0
}

// move goes on until there is nothing to move or nowhere to. On an error it
// names the side that failed.
func (d *direction) move() (*end, error) {
	t := d.t
	for moved := 0; !d.shut; {
		if d.to.Pending() > 0 {
			return nil, nil // the next writable edge goes on
		}
		if d.pipe != nil {
			switch err := d.pipe.Drain(&d.to.Conn); err {
			case nil:
			case loop.ErrAgain:
				return nil, nil
			default:
				return d.to, err
			}
		}
		if d.way == pdk.Upload && len(t.in) > 0 {
			in := t.in
			t.in = nil
			if at, err := d.deliver(in); err != nil {
				return at, err
			}
			d.ended = t.inEnd
			continue
		}
		if d.ended {
			d.finish()
			break
		}
		if !d.from.CanRead && d.from.failed == nil {
			break
		}
		if moved >= fairShare {
			t.w.Loop.Again(d.from)
			break
		}
		n, at, err := d.some()
		if err != nil {
			return at, err
		}
		if n == 0 {
			break
		}
		moved += n
	}
	if d.pipe != nil && d.pipe.Len() == 0 {
		t.w.pipes.Put(d.pipe)
		d.pipe = nil
	}
	return nil, nil
}

// some moves one load; 0: nothing is there, or it may not move now, or the end came.
func (d *direction) some() (int, *end, error) {
	want := d.allowed(len(d.t.w.Loop.Buffer), fairShare)
	if want == 0 {
		return 0, nil, nil
	}
	var n int
	var err error
	if d.bulk && d.plain() && d.takePipe() {
		n, err = d.pipe.Fill(&d.from.Conn, want)
		d.note(n, thinSplice)
	} else {
		b := d.t.w.Loop.Buffer
		n, err = d.from.fill(b[:min(want, len(b))])
		if n > 0 {
			if at, e := d.count(n).deliver(b[:n]); e != nil {
				return n, at, e
			}
			d.note(n, len(b))
			return n, nil, nil
		}
	}
	switch {
	case err == loop.ErrAgain:
		return 0, nil, nil
	case errors.Is(err, io.EOF) || err == io.ErrUnexpectedEOF: // TLS without close_notify ends like that
		d.ended = true
		if d.to.Pending() == 0 {
			d.finish()
		}
		return 0, nil, nil
	case err != nil:
		return 0, d.from, err
	}
	d.count(n)
	if e := d.pipe.Drain(&d.to.Conn); e != nil && e != loop.ErrAgain {
		return n, d.to, e
	}
	d.passed(n)
	return n, nil, nil
}

// count notes n bytes that came.
func (d *direction) count(n int) *direction {
	t := d.t
	t.moved = true
	if d.way == pdk.Upload {
		t.received += uint64(n)
		return d
	}
	if t.firstByte == 0 {
		t.firstByte = t.w.Loop.Now()
	}
	t.upReceived += uint64(n)
	return d
}

// passed notes n bytes that went on, or wait where hang will find them.
func (d *direction) passed(n int) {
	if d.way == pdk.Upload {
		d.t.upSent += uint64(n)
	} else {
		d.t.sent += uint64(n)
	}
	if p := d.t.plug; p != nil {
		for _, m := range p.stream.Meters() {
			m.Moved(d.way, n)
		}
	}
}

// deliver sends p on, through the filters.
func (d *direction) deliver(p []byte) (*end, error) {
	if plug := d.t.plug; plug != nil {
		for _, f := range plug.stream.Filters() {
			var err error
			if p, err = filter(f, d.way, p); err != nil {
				return d.from, err
			}
		}
	}
	if len(p) > 0 {
		if err := d.to.Write(p); err != nil {
			return d.to, err
		}
	}
	d.passed(len(p))
	return nil, nil
}

// filter runs one filter; a panic is an error of this session only.
func filter(f pdk.StreamFilter, way pdk.Direction, p []byte) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("filter %T: panic: %v", f, v)
		}
	}()
	return f.Bytes(way, p)
}

// allowed asks the meters how much may move now; where they say nothing it is
// small for a copy, big for a splice.
func (d *direction) allowed(small, big int) int {
	want := small
	if d.bulk {
		want = big
	}
	p := d.t.plug
	if p == nil {
		return want
	}
	for _, m := range p.stream.Meters() {
		n, wait := m.Allow(d.way, want)
		if n <= 0 {
			d.t.paceAfter(max(int64(wait), 1e6))
			return 0
		}
		want = min(want, n)
	}
	return want
}

// paceAfter tries again in ns nanoseconds.
func (t *tcpSession) paceAfter(ns int64) {
	if t.pace == nil {
		t.pace = &loop.Timer{}
		t.pace.Init(t.w.Loop, t.pump)
	}
	t.moved = true // held back by us, not by silence
	if !t.pace.On() {
		t.pace.After(ns)
	}
}

// plain says whether nobody looks at the bytes.
func (d *direction) plain() bool {
	return d.from.Layer == nil && d.to.Layer == nil && (d.t.plug == nil || len(d.t.plug.stream.Filters()) == 0)
}

func (d *direction) takePipe() bool {
	if d.pipe == nil {
		d.pipe = d.t.w.pipes.Get()
	}
	return d.pipe != nil
}

// note decides between copying and splicing by the size of what moves.
func (d *direction) note(n, mark int) {
	thick := n >= mark
	if thick == d.bulk {
		d.streak = 0
		return
	}
	d.streak++
	if !d.bulk && d.streak >= thickStreak || d.bulk && d.streak >= thinStreak {
		d.bulk, d.streak = !d.bulk, 0
	}
}

// finish tells the other side that no more will come.
func (d *direction) finish() {
	if d.shut || d.pipe != nil && d.pipe.Len() > 0 {
		return
	}
	if d.to.Layer != nil {
		_ = d.to.Layer.CloseWrite()
		if d.to.Pending() > 0 {
			return
		}
	}
	d.shut = true
	d.t.moved = true
	_ = d.to.Shutdown()
}

// abandon gives the pipe back and says how many bytes did not arrive.
func (d *direction) abandon() uint64 {
	n := uint64(0)
	if d.to.open() && d.to.Layer == nil {
		n += uint64(d.to.Pending())
	}
	if d.pipe != nil {
		n += uint64(d.pipe.Len())
		d.t.w.pipes.Put(d.pipe)
		d.pipe = nil
	}
	return n
}

// fill reads until b is full or nothing is there: TLS gives a record at a time.
func (e *end) fill(b []byte) (int, error) {
	if err := e.failed; err != nil {
		return 0, err
	}
	n, err := e.Read(b)
	if e.Layer == nil || err != nil {
		return n, err
	}
	for n < len(b) {
		k, err := e.Read(b[n:])
		n += k
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			e.failed = err
			break
		}
	}
	return n, nil
}
