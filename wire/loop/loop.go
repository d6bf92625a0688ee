package loop

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events are the readiness bits that a Handler gets.
type Events uint32

// The bits of Events.
const (
	Readable Events = 1 << iota
	Writable
	// HangUp: the other side closed, or the socket failed.
	HangUp
)

// Handler is told about its descriptor's edges. It must go on until the kernel
// says would-block, or remember that it did not.
type Handler interface{ Ready(Events) }

// maxEvents is how many events one round takes from the kernel.
const maxEvents = 512

// readBuffer is the size of the loop's shared read buffer.
const readBuffer = 64 << 10

type slot struct {
	h     Handler
	gen   int32
	first bool // see Loop.First
}

// Loop is an event loop. Make it with New, run it with Run.
type Loop struct {
	epfd    int
	wakeFD  int
	timerFD int
	file    *os.File
	slots   []slot

	now    int64
	wall   int64 // UnixNano at the last round
	base   time.Time
	timers timerHeap
	armed  int64 // when the timerfd fires, 0 = not armed

	again, againSpare []Handler
	soon              soon

	mu       sync.Mutex
	queue    []func()
	spare    []func()
	queued   atomic.Bool
	closed   bool // under mu: the descriptors are gone, and their numbers may be others'
	stopping bool
	handed   bool  // something was handed to another goroutine this round
	yielded  int64 // now, when the scheduler had its last turn

	// Buffer is shared by all readers of the loop: valid within one callback.
	Buffer []byte
	// Scratch is for assembling what is written, valid within one callback.
	Scratch []byte
}

// New makes a loop; the caller runs Run on a goroutine of its own.
func New() (*Loop, error) {
	l := &Loop{epfd: -1, wakeFD: -1, timerFD: -1, base: time.Now(), Buffer: make([]byte, readBuffer), Scratch: make([]byte, 0, readBuffer)}
	if err := l.open(); err != nil {
		_ = l.close()
		return nil, fmt.Errorf("event loop: %w", err)
	}
	l.tick()
	return l, nil
}

func (l *Loop) open() (err error) {
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create: %w", err)
	}
	if err = unix.SetNonblock(l.epfd, true); err != nil { // or NewFile does not give it to the runtime's poller
		return err
	}
	l.file = os.NewFile(uintptr(l.epfd), "epoll")
	if l.wakeFD, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if l.timerFD, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	if _, err = l.Register(l.wakeFD, waker{l}, Readable); err != nil {
		return err
	}
	_, err = l.Register(l.timerFD, alarm{l}, Readable)
	return err
}

// BufferFor is Buffer, or where have bytes take up most of that, a larger one
// of its own: for what is read behind bytes that were kept from before.
func (l *Loop) BufferFor(have int) []byte {
	if have <= len(l.Buffer)/2 {
		return l.Buffer
	}
	return make([]byte, 2*have+readBuffer)
}

// Now is the loop's clock: nanoseconds since it was made, read once a round.
func (l *Loop) Now() int64 { return l.now }

// Wall is the wall clock of the round in nanoseconds since the epoch.
func (l *Loop) Wall() int64 { return l.wall }

// Refresh reads the clock anew within a round, after something slow.
func (l *Loop) Refresh() int64 { l.tick(); return l.now }

func (l *Loop) tick() {
	t := time.Now()
	l.now = int64(t.Sub(l.base)) + 1
	l.wall = t.UnixNano()
}

// Register has the loop tell h about fd's edges until Unregister.
// want is Readable, Writable or both. The token goes to Unregister.
func (l *Loop) Register(fd int, h Handler, want Events) (token int32, err error) {
	events := uint32(unix.EPOLLET | unix.EPOLLRDHUP)
	if want&Readable != 0 {
		events |= unix.EPOLLIN
	}
	if want&Writable != 0 {
		events |= unix.EPOLLOUT
	}
	return l.register(fd, h, events)
}

// RegisterShared registers a level-triggered, exclusive listener: one of the
// loops that share the socket wakes per connection.
func (l *Loop) RegisterShared(fd int, h Handler) (token int32, err error) {
	return l.register(fd, h, unix.EPOLLIN|unix.EPOLLEXCLUSIVE)
}

func (l *Loop) register(fd int, h Handler, events uint32) (token int32, err error) {
	if fd < 0 {
		return 0, unix.EBADF
	}
	for fd >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, max(256, len(l.slots)))...)
	}
	s := &l.slots[fd]
	s.gen++
	s.h, s.first = h, false
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: s.gen}
	if err = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		s.h = nil
		return 0, err
	}
	return s.gen, nil
}

// Unregister forgets fd; pending events of it in this round are dropped.
func (l *Loop) Unregister(fd int) {
	if fd >= 0 && fd < len(l.slots) && l.slots[fd].h != nil {
		l.slots[fd].h = nil
		l.slots[fd].gen++
		_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

// First says whether fd's events come before all others of a round, until the
// descriptor is registered anew. It is for idle connections of a pool: what the
// other side did with one must be seen before anybody else's event takes it out.
func (l *Loop) First(fd int, first bool) { l.slots[fd].first = first }

// Again calls h.Ready(0) at the end of this round: for a handler that stopped
// before the kernel said would-block.
func (l *Loop) Again(h Handler) { l.again = append(l.again, h) }

// Post runs fn on the loop soon, in the order of the calls. It may be called
// from any goroutine. After Run has ended fn is dropped, and false returned.
func (l *Loop) Post(fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.queue = append(l.queue, fn)
	if l.queued.CompareAndSwap(false, true) {
		one := [8]byte{1}
		_, _ = unix.Write(l.wakeFD, one[:])
	}
	return true
}

// Go runs job in a goroutine, and then back, if it is not nil, on the loop.
// Loop only: the round yields the processor at its end so that job starts soon.
func (l *Loop) Go(job func(), back func()) {
	l.handed = true
	go func() {
		job()
		if back != nil {
			l.Post(back)
		}
	}()
}

// Handed tells the loop that something was given to another goroutine, so
// that it yields the processor when the round ends.
func (l *Loop) Handed() { l.handed = true }

// Stop ends Run after the round in which it is seen; what was posted before
// is run. Sockets on the loop stay open: they are their owners'.
func (l *Loop) Stop() { l.Post(func() { l.stopping = true }) }

// Run runs the loop until Stop, once.
func (l *Loop) Run() (err error) {
	defer func() {
		l.endPartings()
		if e := l.close(); err == nil {
			err = e
		}
	}()
	events := make([]unix.EpollEvent, maxEvents)
	raw, err := l.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("event loop: the runtime's poller refuses the epoll descriptor: %w", err)
	}
	n := 0
	wait := func(uintptr) bool { n = epollPoll(l.epfd, events); return n > 0 }
	for !l.stopping {
		if len(l.again) > 0 {
			n = epollPoll(l.epfd, events)
		} else if err := raw.Read(wait); err != nil {
			return fmt.Errorf("event loop: %w", err)
		}
		l.round(events[:n])
	}
	return nil
}

func (l *Loop) close() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed, l.queue = true, nil
	for _, fd := range []int{l.wakeFD, l.timerFD} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if l.file != nil {
		err = l.file.Close()
	}
	l.epfd = -1 // owners may still unregister
	return err
}

func (l *Loop) round(events []unix.EpollEvent) {
	l.tick()
	for i := range events {
		if l.slots[events[i].Fd].first {
			l.dispatch(&events[i])
			events[i].Events = 0
		}
	}
	for i := range events {
		l.dispatch(&events[i])
	}
	if l.queued.Load() {
		l.drain()
	}
	if len(l.again) > 0 {
		todo := l.again
		l.again = l.againSpare[:0]
		for i, h := range todo {
			h.Ready(0)
			todo[i] = nil
		}
		l.againSpare = todo[:0]
	}
	if len(l.soon.conns) > 0 {
		l.sendSoon()
	}
	if len(l.timers) > 0 {
		l.arm()
	}
	if l.handed || l.now-l.yielded > int64(yieldEvery) {
		l.handed, l.yielded = false, l.now
		runtime.Gosched()
	}
}

// yieldEvery is how long a saturated loop runs at most before it lets the
// scheduler have a turn. After 10 ms the scheduler would take it by force: in
// Lua code, which is a system call to it, by handing the processor on to another
// thread, with its monitor awake every 20 µs for the next millisecond.
const yieldEvery = 4 * time.Millisecond

// dispatch hands one event to its handler.
func (l *Loop) dispatch(e *unix.EpollEvent) {
	s := &l.slots[e.Fd]
	if e.Events == 0 || s.gen != e.Pad || s.h == nil {
		return // done, or closed earlier in this round; the number may be in use again
	}
	var ev Events
	if e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 {
		ev |= Readable
	}
	if e.Events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 {
		ev |= HangUp
	}
	if e.Events&unix.EPOLLOUT != 0 {
		ev |= Writable
	}
	s.h.Ready(ev)
}

// maxSpare bounds the queue's array that is kept after a burst.
const maxSpare = 4096

// drain runs what was posted so far.
func (l *Loop) drain() {
	l.mu.Lock()
	l.queued.Store(false)
	q := l.queue
	l.queue = l.spare[:0]
	l.mu.Unlock()
	for i, fn := range q {
		fn()
		q[i] = nil
	}
	if l.spare = q[:0]; cap(q) > maxSpare {
		l.spare = nil
	}
}

type waker struct{ l *Loop }

// Ready empties the eventfd; round drains the queue.
func (w waker) Ready(Events) {
	var b [8]byte
	_, _ = unix.Read(w.l.wakeFD, b[:])
}

func epollPoll(epfd int, events []unix.EpollEvent) int {
	n, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}
