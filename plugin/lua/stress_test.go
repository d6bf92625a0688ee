package lua

import (
	"math/rand"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Many requests whose handlers wait at random places, answered in random
// order, some abandoned: each sees its own request and context, and nothing is left.
func TestInterleavedRequests(t *testing.T) {
	s := newStage(t, Options{MemoryLimit: 256 << 20})
	s.logger.SetLevel(log.Warn)
	body := `function P:access(conf)
		local ctx = native.context()
		local id = later("start")
		ctx.id = id
		local f = coroutine.wrap(function(a)
			local b = later(a, "in coroutine")
			local c = coroutine.yield(a + b)
			return (select(2, pcall(later, c))) + 1
		end)
		local v = f(id)
		if v ~= id * 2 then error("mixed up: " .. v .. " and " .. id * 2) end
		v = f(v)
		if v ~= id + 1 or native.context().id ~= id then error("mixed up at the end") end
		if id % 7 == 0 then native.exit() end
		if id % 11 == 0 then error("on purpose") end
	end
	function P:log() if native.context().id ~= echo(native.context().id) then error("context mixed up") end end`
	all := s.start(s.plugin("a", body), s.plugin("b", body))
	type live struct {
		k  *pdk.Kong
		h  *fakeHost
		id int
	}
	rnd := rand.New(rand.NewSource(1))
	requests := map[*pdk.Kong]*live{}
	total := 20000
	if testing.Short() {
		total = 2000
	}
	later = nil
	var failed, exited, done int
	finish := func(l *live, out plugin.Outcome) {
		switch out {
		case plugin.Fail:
			failed++
		case plugin.Respond:
			exited++
		default:
			done++
		}
		if s.rt.Run(l.k, phase.Log, all) != plugin.Continue {
			t.Error("log failed")
		}
		s.end(l.k)
		delete(requests, l.k)
	}
	for begun := 0; begun < total || len(later) > 0; {
		if begun < total && (len(later) == 0 || rnd.Intn(3) == 0) {
			begun++
			k, h := s.request()
			requests[k] = &live{k, h, begun}
			if out := s.rt.Run(k, phase.Access, all); out != plugin.Suspend {
				t.Fatalf("outcome %d", out)
			}
			continue
		}
		i := rnd.Intn(len(later))
		c := later[i]
		later[i] = later[len(later)-1]
		later = later[:len(later)-1]
		l := requests[c.run.kong]
		if l == nil {
			c.Done() // of a request that ended
			continue
		}
		if rnd.Intn(50) == 0 { // the client went away
			s.end(l.k)
			delete(requests, l.k)
			c.Done(1)
			continue
		}
		c.Done(l.id)
		if len(l.h.outcomes) > 0 {
			finish(l, l.h.outcomes[0])
		}
	}
	vm := stateOf(s.w).current
	if vm.lj.Live() != 0 || vm.requests != 0 || len(vm.waiting) != 0 || len(requests) != 0 {
		t.Errorf("left over: %d threads, %d requests, %d waiting", vm.lj.Live(), vm.requests, len(vm.waiting))
	}
	vm.lj.Collect()
	if used, _ := vm.lj.Memory(); used > 8<<20 {
		t.Errorf("%d bytes in use at the end", used)
	}
	if failed == 0 || exited == 0 || done == 0 {
		t.Errorf("%d failed, %d exited, %d done", failed, exited, done)
	}
}
