package lua

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// liveStage is a stage whose worker has a running loop.
type liveStage struct {
	*stage
	all []*plugin.Bound
}

// live starts plugin "p" with the given handler body on a running loop.
func live(t testing.TB, o Options, body string) *liveStage {
	t.Helper()
	fds, goroutines := openFiles(), runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			runtime.GC() // ends control VMs
			f, g := openFiles(), runtime.NumGoroutine()
			if f <= fds && g <= goroutines {
				return
			}
			if time.Now().After(deadline) {
				b := make([]byte, 64<<10)
				t.Errorf("left over: %d files, %d goroutines (%d, %d before)\n%s", f, g, fds, goroutines, b[:runtime.Stack(b, true)])
				return
			}
		}
	})
	s := &liveStage{stage: newStage(t, o)}
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	s.w.Loop = l
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		s.on(func() { s.rt.Stop(s.w) })
		l.Stop()
		<-done
	})
	p := s.plugin("p", body)
	s.on(func() { s.all = s.start(p) })
	return s
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// on runs fn on the loop and waits for it.
func (s *liveStage) on(fn func()) {
	done := make(chan struct{})
	s.w.Loop.Post(func() { defer close(done); fn() })
	<-done
}

// liveHost tells the outcome of a phase that waited.
type liveHost struct {
	pdk.Host
	outcome chan plugin.Outcome
}

func (h *liveHost) Resume(outcome uint8) { h.outcome <- plugin.Outcome(outcome) }

// begin runs access of a new request; the outcome comes on the channel.
func (s *liveStage) begin() (*pdk.Kong, chan plugin.Outcome) {
	h := &liveHost{outcome: make(chan plugin.Outcome, 1)}
	var k *pdk.Kong
	s.on(func() {
		k, _ = s.request()
		k.Host = h
		if out := s.rt.Run(k, phase.Access, s.all); out != plugin.Suspend {
			h.outcome <- out
		}
	})
	return k, h.outcome
}

// run runs access of one request to its end and gives what was logged.
func (s *liveStage) run() (string, plugin.Outcome) {
	s.t.Helper()
	k, ch := s.begin()
	var out plugin.Outcome
	select {
	case out = <-ch:
	case <-time.After(5 * time.Second):
		s.t.Fatal("the request does not end")
	}
	s.on(func() { s.end(k) })
	return s.said(), out
}

// said is what the plugins logged.
func (s *liveStage) said() string {
	var out []string
	for _, l := range strings.Split(s.lines(), "\n") {
		l, _, _ = strings.Cut(l, ", server: ")
		l, _, _ = strings.Cut(l, ", context: ")
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(l, "notice "), "*7 "))
	}
	return strings.Join(out, "\n")
}

// vm is the worker's current VM.
func (s *liveStage) vm() *VM { return stateOf(s.w).current }

// idle checks that nothing waits any more.
func (s *liveStage) idle() {
	s.t.Helper()
	s.on(func() {
		vm := s.vm()
		if n := vm.lj.Live(); n != 0 || len(vm.waiting) != 0 || vm.requests != 0 || len(vm.runs) != 0 || len(vm.tokens) != 0 {
			s.t.Errorf("left over: %d threads, %d waiting, %d requests, %d runs, %d tokens", n, len(vm.waiting), vm.requests, len(vm.runs), len(vm.tokens))
		}
	})
}
