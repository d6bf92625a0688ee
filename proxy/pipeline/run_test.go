package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// step is a Go handler that notes its calls and does what it is told.
type step struct {
	name  string
	calls *[]string
	do    func(k *pdk.Kong) error
}

func (s *step) Access(k *pdk.Kong) error {
	*s.calls = append(*s.calls, s.name)
	if s.do != nil {
		return s.do(k)
	}
	return nil
}

func (s *step) HeaderFilter(*pdk.Kong) error {
	*s.calls = append(*s.calls, s.name+":hf")
	return nil
}

func (s *step) BodyFilter(_ *pdk.Kong, chunk []byte, last bool) ([]byte, error) {
	if last {
		return []byte(s.name), nil
	}
	return append(chunk, s.name...), nil
}

func chain(calls *[]string, do map[string]func(*pdk.Kong) error, names ...string) *Plan {
	var all []*plugin.Bound
	for i, n := range names {
		h := &step{name: n, calls: calls, do: do[n]}
		b := bound(&plugin.Plugin{Name: n, Priority: 100 - i, Phases: plugin.PhasesOf(h), Inline: phase.Access}, n, Scope{})
		b.Handler = h
		all = append(all, b)
	}
	return NewSet(all).Plan(Scope{}, nil)
}

func TestPhaseOutcomes(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(*pdk.Kong) error
		out   plugin.Outcome
		calls string
	}{
		{"all run", nil, plugin.Continue, "a b c"},
		{"an exit ends the phase", func(*pdk.Kong) error { return pdk.ErrExit }, plugin.Respond, "a b"},
		{"an error fails the request", func(*pdk.Kong) error { return errors.New("no") }, plugin.Fail, "a b"},
		{"a panic fails the request only", func(*pdk.Kong) error { panic("oh") }, plugin.Fail, "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls []string
			e := pdktest.New(t, "GET / HTTP/1.1\nHost: a.test\n")
			var r Run
			r.Begin(chain(&calls, map[string]func(*pdk.Kong) error{"b": c.do}, "a", "b", "c"))
			if out := r.Phase(e.Kong, phase.Access); out != c.out {
				t.Errorf("outcome %d, want %d", out, c.out)
			}
			if got := strings.Join(calls, " "); got != c.calls {
				t.Errorf("ran %q, want %q", got, c.calls)
			}
		})
	}
}

// TestFilterChain checks that each body_filter sees what the one before made.
func TestFilterChain(t *testing.T) {
	var calls []string
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: a.test\n")
	var r Run
	r.Begin(chain(&calls, nil, "a", "b"))
	if !r.Filters() {
		t.Fatal("no filters")
	}
	out, res := r.Filter(e.Kong, []byte("x"), false)
	if string(out) != "xab" || res != plugin.Continue {
		t.Errorf("%q %d", out, res)
	}
	if out, _ = r.Filter(e.Kong, nil, true); string(out) != "b" {
		t.Errorf("last chunk %q", out)
	}
}

// TestConsumerChoosesLater: a configuration of the consumer counts from the
// plugin on that comes after the one that authenticated it.
func TestConsumerChoosesLater(t *testing.T) {
	var calls []string
	mk := func(name, id string, priority int, s Scope, do func(*pdk.Kong) error) *plugin.Bound {
		h := &step{name: id, calls: &calls, do: do}
		b := bound(plugins(name, priority, h), id, s)
		b.Handler = h
		return b
	}
	auth := func(k *pdk.Kong) error {
		return k.Client.Authenticate(map[string]any{"id": "c"}, nil)
	}
	set := NewSet([]*plugin.Bound{
		mk("early", "early", 30, Scope{}, nil), mk("early", "early-c", 30, Scope{Consumer: "c"}, nil),
		mk("auth", "auth", 20, Scope{}, auth),
		mk("late", "late", 10, Scope{}, nil), mk("late", "late-c", 10, Scope{Consumer: "c"}, nil),
	})
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: a.test\n")
	var r Run
	r.Begin(set.Plan(Scope{}, nil))
	r.Route(set.Plan(Scope{}, nil))
	if out := r.Phase(e.Kong, phase.Access); out != plugin.Continue {
		t.Fatalf("outcome %d", out)
	}
	if out := r.Phase(e.Kong, phase.HeaderFilter); out != plugin.Continue {
		t.Fatalf("outcome %d", out)
	}
	want := "early auth late-c early:hf auth:hf late-c:hf"
	if got := strings.Join(calls, " "); got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

var declared = map[string]*plugin.Plugin{}

// plugins gives one declaration per name.
func plugins(name string, priority int, h plugin.Handler) *plugin.Plugin {
	if declared[name] == nil {
		declared[name] = &plugin.Plugin{Name: name, Priority: priority, Phases: plugin.PhasesOf(h), Inline: phase.Access}
	}
	return declared[name]
}
