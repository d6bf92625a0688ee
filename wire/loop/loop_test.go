package loop

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// running is a loop that runs until the test ends.
type running struct {
	*Loop
	t    testing.TB
	done chan error
}

func run(t testing.TB) *running {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{l, t, make(chan error, 1)}
	go func() { r.done <- l.Run() }()
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	r.Stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
		r.done <- nil // for a second stop
	case <-time.After(10 * time.Second):
		r.t.Fatal("the loop does not stop")
	}
}

// do runs fn on the loop and waits for it.
func (r *running) do(fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	if !r.Post(func() { fn(); close(done) }) {
		r.t.Fatal("the loop takes nothing")
	}
	wait(r.t, done)
}

func wait(t testing.TB, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing happens")
	}
}

// pair is two connected sockets; mine is not blocking.
func pair(t testing.TB) (mine, other int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// openFiles counts the process's descriptors.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// handler is a Handler made of a function.
type handler func(Events)

func (h handler) Ready(ev Events) { h(ev) }

func TestPostFromMany(t *testing.T) {
	l := run(t)
	const posters, each = 50, 400
	var sum int // touched on the loop only: the race detector watches
	last := make([]int, posters)
	var left atomic.Int64
	left.Store(posters * each)
	done := make(chan struct{})
	for p := range posters {
		go func() {
			for i := range each {
				l.Post(func() {
					sum++
					if last[p] != i {
						t.Errorf("poster %d: %d ran in place of %d", p, i, last[p])
					}
					last[p]++
					if left.Add(-1) == 0 {
						close(done)
					}
				})
			}
		}()
	}
	wait(t, done)
	l.do(func() {
		if sum != posters*each {
			t.Errorf("%d ran", sum)
		}
	})
}

func TestPostOnTheLoop(t *testing.T) {
	l := run(t)
	done := make(chan struct{})
	var order []int
	l.Post(func() {
		order = append(order, 1)
		l.Post(func() {
			order = append(order, 3)
			l.Post(func() { close(done) })
		})
		order = append(order, 2)
	})
	wait(t, done)
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 3 {
		t.Error(order)
	}
}

func TestGo(t *testing.T) {
	l := run(t)
	done := make(chan struct{})
	l.do(func() {
		onLoop := 0
		l.Go(func() { time.Sleep(time.Millisecond) }, func() { onLoop++; close(done) })
		l.Go(func() {}, nil)
	})
	wait(t, done)
}

// A posted burst does not keep its memory.
func TestQueueShrinks(t *testing.T) {
	l := run(t)
	block := make(chan struct{})
	l.Post(func() { <-block })
	for range maxSpare * 4 {
		l.Post(func() {})
	}
	close(block)
	for range 3 {
		l.do(func() {})
	}
	l.do(func() {
		if cap(l.spare) > maxSpare*2 || cap(l.queue) > maxSpare*2 {
			t.Errorf("%d, %d", cap(l.spare), cap(l.queue))
		}
	})
}

func TestStop(t *testing.T) {
	files, routines := openFiles(t), runtime.NumGoroutine()
	for range 20 {
		l, err := New()
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		l.Post(func() { ran++ })
		l.Stop()
		l.Post(func() { ran++ }) // may or may not run, but must not be the end
		done := make(chan error)
		go func() { done <- l.Run() }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a stop before the start is not seen")
		}
		if ran == 0 {
			t.Error("what was posted before the stop did not run")
		}
	}
	settled(t, files, routines)
}

// settled fails if descriptors or goroutines are left over.
func settled(t *testing.T, files, routines int) {
	t.Helper()
	var f, r int
	for range 100 {
		if f, r = openFiles(t), runtime.NumGoroutine(); f <= files && r <= routines {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d descriptors, were %d; %d goroutines, were %d", f, files, r, routines)
}

// After the end nothing is touched any more: the numbers of the descriptors
// belong to others.
func TestPostAfterStop(t *testing.T) {
	l := run(t)
	var h handler = func(Events) {}
	mine, other := pair(t)
	defer unix.Close(other)
	var c Conn
	l.do(func() { _ = c.Open(l.Loop, mine, h) })
	wake := l.wakeFD
	l.stop()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if fds[1] != wake { // give the old eventfd's number to the pipe
		if err := unix.Dup3(fds[1], wake, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(wake)
	}
	for range 3 {
		if l.Post(func() { t.Error("ran") }) {
			t.Error("Post says that it will run")
		}
	}
	var b [8]byte
	if n, err := unix.Read(fds[0], b[:]); err != unix.EAGAIN {
		t.Errorf("%d bytes were written to another's descriptor, %v", n, err)
	}
	c.Close() // an owner may come late
	if c.FD != mine || !c.Closed() {
		t.Error("Close after the loop's end")
	}
}

func TestRegisterErrors(t *testing.T) {
	l := run(t)
	l.do(func() {
		if _, err := l.Register(-1, handler(func(Events) {}), Readable); !errors.Is(err, unix.EBADF) {
			t.Error(err)
		}
		if _, err := l.Register(1<<14, handler(func(Events) {}), Readable); !errors.Is(err, unix.EBADF) {
			t.Error(err)
		}
		l.Unregister(-1)
		l.Unregister(1 << 20)
	})
}

// Two sockets are ready in one round. The handler of the first closes the
// second and opens another under the same number: the second's event must not
// reach the newcomer.
func TestNumberReusedWithinARound(t *testing.T) {
	l := run(t)
	a, aOther := pair(t)
	b, bOther := pair(t)
	defer unix.Close(aOther)
	defer unix.Close(bOther)
	done := make(chan struct{})
	swapped, stale := false, 0
	newcomer := handler(func(ev Events) {
		if ev&Readable != 0 {
			stale++
		}
	})
	var spare [2]int
	swap := func(victim, victimOther int) {
		if swapped {
			return
		}
		swapped = true
		l.Unregister(victim)
		_ = unix.Close(victim)
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		spare = [2]int{fds[0], fds[1]}
		if fds[0] != victim {
			if fds[1] == victim {
				spare = [2]int{fds[1], fds[0]}
			} else {
				t.Logf("the number %d was not used again: %v", victim, fds)
			}
		}
		if _, err := l.Register(spare[0], newcomer, Readable); err != nil {
			t.Error(err)
		}
		time.AfterFunc(50*time.Millisecond, func() { close(done) })
	}
	l.do(func() {
		_, _ = l.Register(a, handler(func(ev Events) { swap(b, bOther) }), Readable)
		_, _ = l.Register(b, handler(func(ev Events) { swap(a, aOther) }), Readable)
		// Both become ready before the loop looks.
		_, _ = unix.Write(aOther, []byte("x"))
		_, _ = unix.Write(bOther, []byte("x"))
	})
	wait(t, done)
	l.do(func() {
		if stale != 0 {
			t.Error("the newcomer got the event of the socket that had its number")
		}
		l.Unregister(spare[0])
		_ = unix.Close(spare[0])
		_ = unix.Close(spare[1])
	})
}

// Marked descriptors are served before the others of their round.
func TestFirst(t *testing.T) {
	l := run(t)
	var order []int
	var mine, other [6]int
	l.do(func() {
		for i := range mine {
			mine[i], other[i] = pair(t)
			if _, err := l.Register(mine[i], handler(func(ev Events) {
				if ev&Readable != 0 {
					order = append(order, i)
				}
			}), Readable); err != nil {
				t.Error(err)
			}
		}
		l.First(mine[3], true)
		l.First(mine[5], true)
		l.First(mine[4], true)
		l.First(mine[4], false)
		for i := range other {
			_, _ = unix.Write(other[i], []byte("x"))
		}
	})
	for range 3 {
		l.do(func() {})
	}
	l.do(func() {
		if len(order) != 6 || order[0] != 3 || order[1] != 5 || order[2] != 0 {
			t.Error(order)
		}
		for i := range mine {
			l.Unregister(mine[i])
			_ = unix.Close(mine[i])
			_ = unix.Close(other[i])
		}
	})
}

func TestAgain(t *testing.T) {
	l := run(t)
	done := make(chan struct{})
	rounds := 0
	var h handler
	h = func(ev Events) {
		if ev != 0 {
			t.Errorf("events %d", ev)
		}
		if rounds++; rounds == 5 {
			close(done)
			return
		}
		l.Again(h)
	}
	posted := 0
	l.do(func() {
		l.Again(h)
		l.Post(func() { posted = rounds })
	})
	wait(t, done)
	l.do(func() {
		if rounds != 5 || posted >= 5 {
			t.Errorf("%d rounds; a posted function had to wait for %d", rounds, posted)
		}
	})
}

// An idle loop wakes for posts, timers and sockets alike, and takes no time.
func TestIdleLoopSleeps(t *testing.T) {
	l := run(t)
	l.do(func() {})
	time.Sleep(20 * time.Millisecond)
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	time.Sleep(200 * time.Millisecond)
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	if used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano(); used > int64(100*time.Millisecond) {
		t.Errorf("an idle loop used %v of 200ms", time.Duration(used))
	}
	l.do(func() {})
}

func TestManyLoops(t *testing.T) {
	files, routines := openFiles(t), runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) {
		var all []*running
		for range 8 {
			all = append(all, run(t))
		}
		var wg sync.WaitGroup
		for i, l := range all {
			wg.Add(1)
			next := all[(i+1)%len(all)]
			hops := 0
			var hop func()
			hop = func() {
				if hops++; hops == 1000 {
					wg.Done()
					return
				}
				if hops%2 == 0 {
					l.Post(hop)
				} else {
					next.Post(func() { l.Post(hop) })
				}
			}
			l.Post(hop)
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		wait(t, done)
	})
	settled(t, files, routines)
}

func BenchmarkPost(b *testing.B) {
	l := run(b)
	done := make(chan struct{})
	n := 0
	b.ReportAllocs()
	fn := func() {
		if n++; n == b.N {
			close(done)
		}
	}
	for range b.N {
		l.Post(fn)
	}
	<-done
}
