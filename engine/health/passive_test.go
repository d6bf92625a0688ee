package health

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// passive is an upstream with passive checks alone.
func passive(h entity.Healthy, u entity.Unhealthy) *entity.Upstream {
	return &entity.Upstream{ID: "u1", Name: "b.up", Healthchecks: entity.Healthchecks{Passive: entity.PassiveChecks{Healthy: h, Unhealthy: u}}}
}

var key = Key{Addr: netip.MustParseAddrPort("127.0.0.1:8000"), Host: "a.test"}

// TestRules plays observations: statuses, T = TCP failure, O = timeout, A = a 502 of the gateway. After
// each, + or - says whether the address is healthy.
func TestRules(t *testing.T) {
	ok := []int{200, 201}
	bad := []int{500, 503}
	tests := []struct {
		name string
		h    entity.Healthy
		u    entity.Unhealthy
		play string
		want string
	}{
		{"off", entity.Healthy{HTTPStatuses: ok}, entity.Unhealthy{HTTPStatuses: bad},
			"500 500 T T O O 500", "+++++++"},
		{"http failures", entity.Healthy{HTTPStatuses: ok}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 2},
			"500 200 404 503 200 T", "+++---"},
		{"not listed", entity.Healthy{HTTPStatuses: ok}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 1},
			"404 502 999 0 1024 500", "+++++-"},
		{"a success clears failures of every kind", entity.Healthy{HTTPStatuses: ok, Successes: 1}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 2, TCPFailures: 2, Timeouts: 2},
			"500 T O 200 500 T O 201 O O", "+++++++++-"},
		{"without successes failures add up", entity.Healthy{HTTPStatuses: ok}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 2},
			"500 200 200 500", "+++-"},
		{"kinds count apart", entity.Healthy{}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 2, TCPFailures: 2, Timeouts: 2},
			"500 T O T", "+++-"},
		{"back after successes in a row", entity.Healthy{HTTPStatuses: ok, Successes: 2}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 1},
			"500 200 500 200 200 500", "----+-"},
		{"tcp", entity.Healthy{}, entity.Unhealthy{TCPFailures: 1}, "500 O T", "++-"},
		{"timeouts", entity.Healthy{}, entity.Unhealthy{Timeouts: 1}, "500 T O", "++-"},
		{"largest threshold", entity.Healthy{}, entity.Unhealthy{Timeouts: 255},
			strings.Repeat("O ", 255), strings.Repeat("+", 254) + "-"},
		{"type tcp", entity.Healthy{HTTPStatuses: ok, Successes: 1}, entity.Unhealthy{HTTPStatuses: bad, HTTPFailures: 1, TCPFailures: 2, Timeouts: 2},
			"500 T 503 T 404 T A T 500", "+++++++-+"},
		{"connected", entity.Healthy{Successes: 1}, entity.Unhealthy{TCPFailures: 2}, "T 1 T T", "+++-"},
	}
	for _, tt := range tests {
		r := NewRegistry(Options{})
		u := passive(tt.h, tt.u)
		if tt.name == "type tcp" {
			u.Healthchecks.Passive.Type = "tcp"
		}
		a := r.Open(u, TLS{}).Acquire(key)
		var got strings.Builder
		for _, o := range strings.Fields(tt.play) {
			switch o {
			case "T":
				a.Report(0, TCPFailure)
			case "A":
				a.ReportAnswer(502)
			case "O":
				a.Report(0, TimeoutFailure)
			default:
				var status int
				fmt.Sscan(o, &status)
				a.Report(status, NoFailure)
			}
			got.WriteByte("-+"[b2i(a.Healthy())])
		}
		if got.String() != tt.want {
			t.Errorf("%s: %s: got %s, want %s", tt.name, tt.play, &got, tt.want)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestReportIsCheap(t *testing.T) {
	r := NewRegistry(Options{})
	c := r.Open(passive(entity.Healthy{HTTPStatuses: []int{200}, Successes: 1}, entity.Unhealthy{HTTPStatuses: []int{500}, HTTPFailures: 1}), TLS{})
	a := c.Acquire(key)
	a.Report(500, NoFailure)
	if n := testing.AllocsPerRun(100, func() { a.Report(404, NoFailure); a.Report(500, NoFailure); a.Report(0, TCPFailure) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStateOutlivesARebuild(t *testing.T) {
	r := NewRegistry(Options{})
	u := passive(entity.Healthy{}, entity.Unhealthy{HTTPStatuses: []int{500}, HTTPFailures: 1})
	c1 := r.Open(u, TLS{})
	a1 := c1.Acquire(key)
	a1.Report(500, NoFailure)

	c2 := r.Open(u, TLS{})
	a2 := c2.Acquire(key)
	c1.Release(a1)
	c1.Close()
	if a2.Healthy() || r.Lookup("u1") != c2 {
		t.Error("the rebuild forgot an unhealthy address")
	}
	c2.Release(a2)
	if a := c2.Acquire(key); !a.Healthy() {
		t.Error("an address nobody held is remembered")
	}
	c2.Close()
	if r.Lookup("u1") != nil {
		t.Error("a closed checker is still there")
	}
}

func TestSettingsAreReplaced(t *testing.T) {
	r := NewRegistry(Options{})
	c := r.Open(passive(entity.Healthy{}, entity.Unhealthy{}), TLS{})
	if c.Enabled() {
		t.Error("checks without a threshold are on")
	}
	a := c.Acquire(key)
	a.Report(500, NoFailure)
	r.Open(passive(entity.Healthy{}, entity.Unhealthy{HTTPStatuses: []int{500}, HTTPFailures: 1}), TLS{})
	a.Report(500, NoFailure)
	if a.Healthy() || !c.Enabled() {
		t.Error("new settings do not count")
	}
}

func TestSameAddressUnderTwoNames(t *testing.T) {
	r := NewRegistry(Options{})
	c := r.Open(passive(entity.Healthy{}, entity.Unhealthy{TCPFailures: 1}), TLS{})
	a, b := c.Acquire(key), c.Acquire(Key{Addr: key.Addr, Host: "b.test"})
	a.Report(0, TCPFailure)
	if a.Healthy() || !b.Healthy() {
		t.Error("names of one address are not told apart")
	}
}

func TestEvents(t *testing.T) {
	var events []string
	r := NewRegistry(Options{OnChange: func(e Event) {
		events = append(events, fmt.Sprint(e.UpstreamID, " ", e.Upstream, " ", e.Key.Host, " ", e.Key.Addr, " ", e.Healthy, " ", e.Reason))
	}})
	c := r.Open(passive(entity.Healthy{}, entity.Unhealthy{HTTPStatuses: []int{500}, HTTPFailures: 2, TCPFailures: 1, Timeouts: 1}), TLS{})
	watched := 0
	unwatch := c.Watch(func() { watched++ })
	a := c.Acquire(key)
	a.Report(500, NoFailure)
	a.Report(500, NoFailure)
	a.Set(true)
	a.Set(true)
	a.Report(0, TCPFailure)
	unwatch()
	a.Set(true)
	a.Report(0, TimeoutFailure)
	want := []string{
		"u1 b.up a.test 127.0.0.1:8000 false passive: 2 HTTP failures, the last of status 500",
		"u1 b.up a.test 127.0.0.1:8000 true set by hand",
		"u1 b.up a.test 127.0.0.1:8000 false passive: 1 TCP failures",
		"u1 b.up a.test 127.0.0.1:8000 true set by hand",
		"u1 b.up a.test 127.0.0.1:8000 false passive: 1 timeouts",
	}
	if got := strings.Join(events, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
	if watched != 3 {
		t.Errorf("watched %d changes", watched)
	}
}

// Reports at once lose nothing: exactly the threshold makes one change.
func TestConcurrentReports(t *testing.T) {
	var mu sync.Mutex
	changes := 0
	r := NewRegistry(Options{OnChange: func(Event) { mu.Lock(); changes++; mu.Unlock() }})
	a := r.Open(passive(entity.Healthy{}, entity.Unhealthy{TCPFailures: 200}), TLS{}).Acquire(key)
	var wg sync.WaitGroup
	report := func(n int) {
		for range 4 {
			wg.Go(func() {
				for range n {
					a.Report(0, TCPFailure)
				}
			})
		}
		wg.Wait()
	}
	report(49)
	if !a.Healthy() {
		t.Error("unhealthy after 196 of 200 failures")
	}
	report(10)
	if a.Healthy() || changes != 1 {
		t.Errorf("healthy %v, %d changes", a.Healthy(), changes)
	}
}

func BenchmarkReport(b *testing.B) {
	r := NewRegistry(Options{})
	a := r.Open(passive(entity.Healthy{HTTPStatuses: []int{200}, Successes: 1}, entity.Unhealthy{HTTPFailures: 1}), TLS{}).Acquire(key)
	for b.Loop() {
		a.Report(200, NoFailure)
	}
}
