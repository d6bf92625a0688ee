package log

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Options is how a Sink gathers lines. Zero fields take the default in brackets.
type Options struct {
	// Delay is how long lines may wait in memory before they are written [10ms].
	Delay time.Duration
	// Limit is how many bytes one Buffer holds before lines are dropped [4 MB].
	// From half of it on, Delay is not waited for.
	Limit int
	// Dropped is told, by the writing goroutine, how many lines were lost since the last call:
	// for want of room (err nil) or because the file refused them. May be nil.
	Dropped func(lines uint64, err error)
}

// Sink is one log file and the goroutine that writes to it. Lines get there
// through Buffers. Its methods are safe for concurrent use.
type Sink struct {
	path    string
	o       Options
	wake    chan struct{} // there is something to write, soon
	urgent  chan struct{} // there is a lot to write, now
	ask     chan request  // flush, reopen, close
	done    chan struct{} // closed by the goroutine as it ends
	mu      sync.Mutex    // guards buffers
	buffers []*Buffer
	out     io.WriteCloser // the goroutine's
	open    func() (io.WriteCloser, error)
}

// request is what the writing goroutine is asked to do after it has written all it has.
type request struct {
	do     func() error // nil = nothing more
	end    bool
	answer chan error
}

// Open opens a file for appending, making it when it is absent, and starts its
// goroutine. /dev/stdout and /dev/stderr are the process's own. The folder must exist.
func Open(path string, o Options) (*Sink, error) {
	s := &Sink{path: path, open: func() (io.WriteCloser, error) { return openFile(path) }}
	var err error
	if s.out, err = s.open(); err != nil {
		return nil, fmt.Errorf("could not open the log: %w", err)
	}
	s.start(o)
	return s, nil
}

// start fills in what Open does not and starts the goroutine.
func (s *Sink) start(o Options) {
	if o.Delay == 0 {
		o.Delay = 10 * time.Millisecond
	}
	if o.Limit == 0 {
		o.Limit = 4 << 20
	}
	if o.Dropped == nil {
		o.Dropped = func(uint64, error) {}
	}
	s.o = o
	s.wake, s.urgent = make(chan struct{}, 1), make(chan struct{}, 1)
	s.ask, s.done = make(chan request), make(chan struct{})
	go s.run()
}

// openFile opens the file, or copies one of the process's own descriptors,
// which may be a socket that cannot be opened by its path.
func openFile(path string) (io.WriteCloser, error) {
	switch path {
	case "/dev/stdout":
		return keep{os.Stdout}, nil
	case "/dev/stderr":
		return keep{os.Stderr}, nil
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
}

// keep is a writer that is not closed with the log.
type keep struct{ io.Writer }

func (keep) Close() error { return nil }

// Path is the file's path.
func (s *Sink) Path() string { return s.path }

// Buffer makes a way to write to the file. A worker has its own, so that it
// shares a lock with the writing goroutine only. Lines of one Buffer keep their order.
func (s *Sink) Buffer() *Buffer {
	b := &Buffer{sink: s}
	s.mu.Lock()
	s.buffers = append(s.buffers, b)
	s.mu.Unlock()
	return b
}

// Flush returns when all lines written before are in the file.
func (s *Sink) Flush() error { return s.request(nil, false) }

// Reopen opens the path anew, after the file was moved away; if that fails, the old file stays in use.
func (s *Sink) Reopen() error {
	return s.request(func() error {
		out, err := s.open()
		if err != nil {
			return fmt.Errorf("could not reopen the log: %w", err)
		}
		s.out.Close()
		s.out = out
		return nil
	}, false)
}

// Close writes what is there and closes the file. Later lines are dropped.
func (s *Sink) Close() error {
	return s.request(func() error { return s.out.Close() }, true)
}

func (s *Sink) request(do func() error, end bool) error {
	r := request{do, end, make(chan error, 1)}
	select {
	case s.ask <- r:
		return <-r.answer
	case <-s.done:
		return nil
	}
}

// run writes until Close: it sleeps until there is something, then waits for more to come with it.
func (s *Sink) run() {
	defer close(s.done)
	wait := time.NewTimer(time.Hour)
	wait.Stop()
	for {
		var r request
		asked := false
		select {
		case <-s.wake:
			wait.Reset(s.o.Delay)
			select {
			case <-wait.C:
			case <-s.urgent:
				wait.Stop()
			case r = <-s.ask:
				asked = true
				wait.Stop()
			}
		case <-s.urgent:
		case r = <-s.ask:
			asked = true
		}
		err := s.drain()
		if !asked {
			continue
		}
		if r.do != nil {
			err = r.do()
		}
		r.answer <- err
		if r.end {
			return
		}
	}
}

// drain writes what every Buffer has gathered.
func (s *Sink) drain() error {
	s.mu.Lock()
	buffers := s.buffers
	s.mu.Unlock()
	var failed error
	for _, b := range buffers {
		lines, count, dropped := b.take()
		if len(lines) > 0 {
			if _, err := s.out.Write(lines); err != nil {
				failed = err
				dropped += count
			}
		}
		b.giveBack(lines)
		if dropped > 0 {
			s.o.Dropped(dropped, failed)
		}
	}
	return failed
}

// Buffer gathers lines for a Sink; see Sink.Buffer. Safe for concurrent use,
// though best used by one worker.
type Buffer struct {
	sink    *Sink
	mu      sync.Mutex
	lines   []byte
	count   uint64 // lines in it
	dropped uint64 // lines that found no room
	spare   []byte // the other half of the pair, when the goroutine is not writing it
}

// Write takes one line with its line break. It never waits for the file: a line
// that finds no room is dropped and counted.
func (b *Buffer) Write(line []byte) {
	limit := b.sink.o.Limit
	b.mu.Lock()
	before := len(b.lines)
	if before+len(line) > limit {
		b.dropped++
		b.mu.Unlock()
		return
	}
	b.lines = append(b.lines, line...)
	b.count++
	after := len(b.lines)
	b.mu.Unlock()
	if before == 0 {
		signal(b.sink.wake)
	}
	if before < limit/2 && after >= limit/2 {
		signal(b.sink.urgent)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take hands the gathered lines to the goroutine and leaves the other half of the pair to be filled.
func (b *Buffer) take() (lines []byte, count, dropped uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, count, dropped = b.lines, b.count, b.dropped
	b.lines, b.spare, b.count, b.dropped = b.spare[:0], nil, 0, 0
	return lines, count, dropped
}

// giveBack returns a written half; one that a burst has made large is let go.
func (b *Buffer) giveBack(lines []byte) {
	if cap(lines) > 256<<10 {
		lines = nil
	}
	b.mu.Lock()
	b.spare = lines[:0]
	b.mu.Unlock()
}
