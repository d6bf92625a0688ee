package lua

import (
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// A VM whose memory does not go down any more gives way to a new one, and the
// plugins do not notice but for their module state.
func TestAVMThatIsFullIsReplaced(t *testing.T) {
	s := newStage(t, Options{MemoryLimit: 32 << 20})
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Run() }()
	s.w = &worker.Worker{Loop: l}
	on := func(fn func()) {
		done := make(chan struct{})
		l.Post(func() { defer close(done); fn() })
		<-done
	}
	t.Cleanup(func() {
		on(func() { s.rt.Stop(s.w) })
		l.Stop()
		<-ended
	})
	p := s.plugin("leaky", `local kept = {}
		function P:init_worker() say("started") end
		function P:access() for i = 1, 2000 do kept[#kept + 1] = ("x"):rep(1000) .. #kept end end`)
	var all []*plugin.Bound
	on(func() { all = s.start(p) })
	failed := 0
	for range 60 {
		on(func() {
			k, _ := s.request()
			if s.rt.Run(k, phase.Access, all) != plugin.Continue {
				failed++
			}
			s.end(k)
		})
	}
	time.Sleep(20 * time.Millisecond)
	got := s.lines()
	if n := strings.Count(got, "started"); n < 3 {
		t.Errorf("%d VMs were started:\n%s", n, got)
	}
	if failed > 0 || !strings.Contains(got, "a new one takes its place") {
		t.Errorf("%d requests failed:\n%.500s", failed, got)
	}
	on(func() {
		if n := len(stateOf(s.w).retired); n > 0 {
			t.Errorf("%d retired VMs are still open", n)
		}
	})
}

// TestMemoryOfWorkers: kong.node.get_memory_stats tells of all workers' VMs and of shared dictionaries.
func TestMemoryOfWorkers(t *testing.T) {
	s := newStage(t, Options{Workers: 2, Stream: true})
	kongDicts(t)
	p := s.plugin("p", `function P:access()
		local m = kong.node.get_memory_stats()
		local vms = m.workers_lua_vms
		say(#vms, vms[1].http_allocated_gc > 1000, vms[2].http_allocated_gc > 1000, vms[2].stream_allocated_gc == nil, vms[1].pid == ngx.worker.pid(),
			m.lua_shared_dicts.kong_locks.capacity > 0, kong.node.get_memory_stats("k").workers_lua_vms[1].http_allocated_gc:match("KiB"))
	end`)
	other := &worker.Worker{ID: 1}
	all := s.start(p)
	if err := s.rt.Start(other, s.gen); err != nil {
		t.Fatal(err)
	}
	defer s.rt.Stop(other)
	s.lines()
	k, _ := s.request()
	s.rt.Run(k, phase.Access, all)
	if got := s.lines(); !strings.Contains(got, "2 true true true true true KiB,") {
		t.Error(got)
	}
	s.end(k)
}
