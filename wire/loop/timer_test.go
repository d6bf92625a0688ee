package loop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// timersRun runs set on the loop and gives what was noted, when that is what
// is wanted or time is over. A little later it must still be the same.
func timersRun(t *testing.T, want string, set func(l *Loop, note func(string))) string {
	t.Helper()
	l := run(t)
	var got []string
	noted := func() (s string) {
		l.do(func() { s = fmt.Sprint(got) })
		return s
	}
	l.do(func() { set(l.Loop, func(s string) { got = append(got, s) }) })
	for end := time.Now().Add(5 * time.Second); noted() != want && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(60 * time.Millisecond)
	return noted()
}

func TestTimers(t *testing.T) {
	for _, one := range []struct {
		name string
		set  func(l *Loop, note func(string))
		want string
	}{
		{"in order of time", func(l *Loop, note func(string)) {
			for _, d := range []int64{30, 10, 20} {
				var timer Timer
				timer.Init(l, func() { note(fmt.Sprint(d)) })
				timer.After(d * ms)
			}
		}, "[10 20 30]"},
		{"moved later", func(l *Loop, note func(string)) {
			var a, b Timer
			a.Init(l, func() { note("a") })
			b.Init(l, func() { note("b") })
			a.After(5 * ms)
			b.After(20 * ms)
			a.After(40 * ms)
		}, "[b a]"},
		{"moved sooner", func(l *Loop, note func(string)) {
			var a, b Timer
			a.Init(l, func() { note("a") })
			b.Init(l, func() { note("b") })
			a.After(50 * ms)
			b.After(30 * ms)
			a.After(10 * ms)
		}, "[a b]"},
		{"later, then sooner again", func(l *Loop, note func(string)) {
			var a Timer
			a.Init(l, func() { note("a") })
			a.After(10 * ms)
			a.After(10000 * ms)
			a.After(20 * ms)
		}, "[a]"},
		{"off", func(l *Loop, note func(string)) {
			var a Timer
			a.Init(l, func() { note("a") })
			a.After(5 * ms)
			a.Off()
			if a.On() {
				note("on")
			}
		}, "[]"},
		{"off, then on again", func(l *Loop, note func(string)) {
			var a Timer
			a.Init(l, func() { note("a") })
			a.After(5 * ms)
			a.Off()
			a.After(20 * ms)
			if !a.On() {
				note("off")
			}
		}, "[a]"},
		{"dropped", func(l *Loop, note func(string)) {
			var a, b Timer
			a.Init(l, func() { note("a") })
			b.Init(l, func() { note("b") })
			a.After(5 * ms)
			b.After(10 * ms)
			a.Drop()
			a.Drop()
		}, "[b]"},
		{"dropped before it was ever set", func(l *Loop, note func(string)) {
			var a Timer
			a.Init(l, func() { note("a") })
			a.Drop()
			a.Off()
		}, "[]"},
		{"each drops the other", func(l *Loop, note func(string)) {
			var a, b, c Timer
			a.Init(l, func() { note("a"); b.Drop(); a.Drop() })
			b.Init(l, func() { note("b"); a.Drop() })
			c.Init(l, func() { note("c") })
			a.After(10 * ms)
			b.After(10 * ms)
			c.After(10 * ms)
		}, "[a c]"},
		{"sets itself anew", func(l *Loop, note func(string)) {
			var a Timer
			n := 0
			a.Init(l, func() {
				note(fmt.Sprint(n))
				if n++; n < 3 {
					a.After(5 * ms)
				}
			})
			a.After(5 * ms)
		}, "[0 1 2]"},
		{"sets another for now", func(l *Loop, note func(string)) {
			var a, b Timer
			b.Init(l, func() { note("b") })
			a.Init(l, func() { note("a"); b.After(0); note("a again") })
			a.After(5 * ms)
		}, "[a a again b]"},
		{"times that are over", func(l *Loop, note func(string)) {
			var a, b Timer
			a.Init(l, func() { note("a") })
			b.Init(l, func() { note("b") })
			a.At(0)
			b.After(-5)
			if !a.On() || !b.On() {
				note("off")
			}
		}, "[a b]"},
		{"never in practice", func(l *Loop, note func(string)) {
			var a Timer
			a.Init(l, func() { note("a") })
			a.After(math.MaxInt64)
			if !a.On() {
				note("off")
			}
		}, "[]"},
		{"not before its time", func(l *Loop, note func(string)) {
			var a Timer
			start := time.Now()
			a.Init(l, func() {
				if d := time.Since(start); d < 29*time.Millisecond {
					note(d.String())
				}
				note("a")
			})
			a.After(l.Refresh() - l.Now() + 30*ms)
		}, "[a]"},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			if got := timersRun(t, one.want, one.set); got != one.want {
				t.Errorf("%s, want %s", got, one.want)
			}
		})
	}
}

// A timer that always sets itself for now must not keep others from running.
func TestGreedyTimer(t *testing.T) {
	l := run(t)
	var a Timer
	n := 0
	l.do(func() {
		a.Init(l.Loop, func() { n++; a.After(0) })
		a.After(0)
	})
	for range 20 {
		l.do(func() {})
	}
	time.Sleep(5 * time.Millisecond)
	l.do(func() {
		a.Drop()
		if n < 2 {
			t.Errorf("it ran %d times", n)
		}
		if len(l.timers) != 0 {
			t.Errorf("%d timers are left", len(l.timers))
		}
	})
}

// Random settings against a list.
func TestTimersAgainstModel(t *testing.T) {
	l := run(t)
	r := rand.New(rand.NewPCG(3, 4))
	const count = 200
	timers := make([]Timer, count)
	due := make([]int64, count) // 0 = off
	var late, early, wrong int
	done := make(chan struct{})
	l.do(func() {
		for i := range timers {
			timers[i].Init(l.Loop, func() {
				if due[i] == 0 {
					wrong++
				} else if d := l.Now() - due[i]; d < 0 {
					early++
				} else if d > 2000*ms {
					late++
				}
				due[i] = 0
			})
		}
		var again Timer
		steps := 0
		again.Init(l.Loop, func() {
			for range 50 {
				i := r.IntN(count)
				switch r.IntN(5) {
				case 0:
					timers[i].Off()
					due[i] = 0
				case 1:
					timers[i].Drop()
					due[i] = 0
				default:
					d := r.Int64N(40 * ms)
					timers[i].After(d)
					due[i] = l.Now() + d
				}
			}
			if steps++; steps < 100 {
				again.After(ms)
				return
			}
			var end Timer
			end.Init(l.Loop, func() { close(done) })
			end.After(150 * ms)
		})
		again.After(0)
	})
	wait(t, done)
	l.do(func() {
		for i := range due {
			if due[i] != 0 || timers[i].On() {
				t.Errorf("timer %d never ran", i)
			}
		}
		if wrong+early > 0 || late > 0 {
			t.Errorf("%d ran though off, %d early, %d late", wrong, early, late)
		}
		if len(l.timers) != 0 {
			t.Errorf("%d timers are left in the heap", len(l.timers))
		}
	})
}

func TestTimerDoesNotAllocate(t *testing.T) {
	l := run(t)
	l.do(func() {
		var a, b Timer
		a.Init(l.Loop, func() {})
		b.Init(l.Loop, func() {})
		a.After(ms * 1000)
		b.After(ms * 1000)
		if n := testing.AllocsPerRun(100, func() { a.After(ms * 2000); a.Off(); b.Drop(); b.After(ms * 500) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		a.Drop()
		b.Drop()
	})
}

func BenchmarkTimerMove(b *testing.B) {
	l, err := New()
	if err != nil {
		b.Fatal(err)
	}
	defer l.close()
	timers := make([]Timer, 1000)
	for i := range timers {
		timers[i].Init(l, func() {})
		timers[i].After(int64(i) * ms)
	}
	i := 0
	for b.Loop() {
		timers[i%len(timers)].After(60000 * ms)
		i++
	}
}
