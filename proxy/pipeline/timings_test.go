package pipeline

import (
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// pausing is a runtime that suspends at each plugin called "slow".
type pausing struct {
	plugin.Runtime
	calls []string
}

func (p *pausing) Run(k *pdk.Kong, ph phase.Phase, calls []*plugin.Bound) plugin.Outcome {
	for _, b := range calls {
		p.calls = append(p.calls, b.Plugin.Name)
	}
	if calls[len(calls)-1].Plugin.Name == "slow" {
		return plugin.Suspend
	}
	return plugin.Continue
}

// Plugins of one runtime are run one by one where they are timed, in the same
// order and across suspensions, and the time of a suspension is the plugin's.
func TestTimings(t *testing.T) {
	rt := &pausing{}
	var all []*plugin.Bound
	for i, name := range []string{"first", "slow", "last"} {
		all = append(all, bound(&plugin.Plugin{Name: name, Priority: 100 - i, Phases: phase.Access | phase.HeaderFilter, Runtime: rt}, name, Scope{}))
	}
	plan := NewSet(all).Plan(Scope{}, nil)
	k := pdktest.New(t, "GET / HTTP/1.1\nHost: a.test\n").Kong
	var r Run
	var times Timings
	r.Begin(plan)
	r.Time(&times)
	if out := r.Phase(k, phase.Access); out != plugin.Suspend {
		t.Fatalf("outcome %v", out)
	}
	time.Sleep(5 * time.Millisecond)
	if out := r.Phase(k, phase.Access); out != plugin.Continue {
		t.Fatalf("outcome %v", out)
	}
	if got := len(times.Plugins); got != 3 || len(rt.calls) != 3 {
		t.Fatalf("%d times of %v", got, rt.calls)
	}
	for i, want := range []string{"first", "slow", "last"} {
		p := times.Plugins[i]
		if p.Name != want || rt.calls[i] != want || p.Phase != phase.Access || (p.Took >= 5*time.Millisecond) != (want == "slow") {
			t.Errorf("%d: %+v, want %s", i, p, want)
		}
	}
	r.Begin(plan)
	if r.timings != nil {
		t.Error("the next request is not timed")
	}
}
