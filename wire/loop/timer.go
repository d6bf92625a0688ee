package loop

import (
	"container/heap"
	"math"

	"golang.org/x/sys/unix"
)

// Timer calls its function on the loop once its time has come. Moving a
// deadline later costs a store; only firing early and moving it sooner touch
// the heap. The zero Timer is idle; set it up with Init.
type Timer struct {
	l  *Loop
	fn func()
	// due is the wanted time, 0 = off; at is the place in the heap's order.
	due, at int64
	index   int // in the heap, from 1; 0 = not in it
}

// Init says what the timer does.
func (t *Timer) Init(l *Loop, fn func()) { t.l, t.fn = l, fn }

// After sets the timer to fire in d nanoseconds, replacing an earlier setting.
func (t *Timer) After(d int64) {
	if d > math.MaxInt64-t.l.now {
		d = math.MaxInt64 - t.l.now
	}
	t.At(t.l.now + d)
}

// At sets the timer to the loop's time when; a time that is over means the
// next round, so that a timer that sets itself anew cannot hold up the loop.
func (t *Timer) At(when int64) {
	when = max(when, t.l.now+1)
	t.due = when
	switch {
	case t.index == 0:
		t.at = when
		heap.Push(&t.l.timers, t)
	case when < t.at:
		t.at = when
		heap.Fix(&t.l.timers, t.index-1)
	}
}

// Off stops the timer. It stays in the heap until its old time, which is
// cheaper than taking it out; Drop takes it out.
func (t *Timer) Off() { t.due = 0 }

// Drop stops the timer and forgets it at once: for owners that go away.
func (t *Timer) Drop() {
	t.due = 0
	if t.index > 0 {
		heap.Remove(&t.l.timers, t.index-1)
	}
}

// On says whether the timer is set.
func (t *Timer) On() bool { return t.due != 0 }

type timerHeap []*Timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}
func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	*h = append(*h, t)
	t.index = len(*h)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = 0
	return t
}

type alarm struct{ l *Loop }

// Ready runs the timers that are due.
func (a alarm) Ready(Events) {
	l := a.l
	var b [8]byte
	_, _ = unix.Read(l.timerFD, b[:])
	l.armed = 0
	for len(l.timers) > 0 && l.timers[0].at <= l.now {
		t := l.timers[0]
		if t.due > l.now { // moved later meanwhile
			t.at = t.due
			heap.Fix(&l.timers, 0)
			continue
		}
		heap.Pop(&l.timers)
		if t.due != 0 {
			t.due = 0
			t.fn()
		}
	}
}

// arm sets the timerfd to the first timer when that is sooner than it is set.
func (l *Loop) arm() {
	first := l.timers[0].at
	if l.armed != 0 && l.armed <= first {
		return
	}
	l.armed = first
	d := max(first-l.now, 1)
	_ = unix.TimerfdSettime(l.timerFD, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(d)}, nil)
}
