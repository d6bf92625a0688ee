package balancer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

const noPeers = "failure to get a peer from the ring-balancer"

func TestRoundRobin(t *testing.T) {
	tests := []struct {
		targets string
		n       int
		want    string
	}{
		{"1.1.1.1:1,2.2.2.2:2", 6, "1.1.1.1:1=3 2.2.2.2:2=3"},
		{"1.1.1.1:1 50,2.2.2.2:2 10", 6, "1.1.1.1:1=5 2.2.2.2:2=1"},
		{"1.1.1.1:1 200,2.2.2.2:2", 3, "1.1.1.1:1=2 2.2.2.2:2=1"},
		{"1.1.1.1:1 10,2.2.2.2:2 20,3.3.3.3:3 30", 60, "1.1.1.1:1=10 2.2.2.2:2=20 3.3.3.3:3=30"},
		{"1.1.1.1:1 10,2.2.2.2:2 20,3.3.3.3:3 30", 12, "1.1.1.1:1=2 2.2.2.2:2=4 3.3.3.3:3=6"},
		{"1.1.1.1:1,2.2.2.2:2 0", 4, "1.1.1.1:1=4"},
		{"1.1.1.1", 1, "1.1.1.1:8000=1"},
		{"[::1]:80,[::2]", 2, "[::1]:80=1 [::2]:8000=1"},
		{"localhost:7", 1, "127.0.0.1:7=1"},
	}
	for _, tt := range tests {
		b := newBench(t, "").open(entity.Upstream{}, nil, strings.Split(tt.targets, ",")...)
		for range 3 {
			if got := counts(b, tt.n, nil); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.targets, got, tt.want)
			}
		}
	}
	b := newBench(t, "").open(entity.Upstream{}, nil, "1.1.1.1:1", "2.2.2.2:2")
	if got := picks(b, 4, nil); got != "1.1.1.1:1 2.2.2.2:2 1.1.1.1:1 2.2.2.2:2" {
		t.Errorf("equal targets do not take turns: %s", got)
	}
}

func TestNoPeers(t *testing.T) {
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		for _, list := range [][]string{nil, {"1.1.1.1:1 0"}, {"none.test:1"}} {
			b := newBench(t, "").open(entity.Upstream{Algorithm: a}, nil, list...)
			if p, err := b.Pick(nil, nil); !errors.Is(err, ErrNoPeers) || err.Error() != noPeers {
				t.Errorf("%s %v: got %v, %v", a, list, p, err)
			}
		}
	}
}

func TestProblem(t *testing.T) {
	if status, text := dns.Problem("b.up", ErrNoPeers); status != 503 || text != noPeers {
		t.Errorf("got %d %s", status, text)
	}
}

// A request's tries go to other addresses as long as there are any.
func TestRetriesExcludeFailedAddresses(t *testing.T) {
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		b := newBench(t, "").open(entity.Upstream{Algorithm: a}, nil, "1.1.1.1:1 1000", "2.2.2.2:2 1", "3.3.3.3:3 1", "4.4.4.4:4 0")
		for range 20 {
			var tries Tries
			seen := map[string]bool{}
			for n := range 5 {
				p, err := b.Pick(values{}, &tries)
				if err != nil {
					t.Fatal(err)
				}
				if n < 3 && seen[p.Addr.String()] {
					t.Fatalf("%s: try %d went to %v again", a, n+1, p.Addr)
				}
				seen[p.Addr.String()] = true
				tries.Failed(p)
				b.Done(p, Result{Failure: health.TCPFailure})
			}
		}
	}
}

func TestLeastConnections(t *testing.T) {
	b := newBench(t, "").open(entity.Upstream{Algorithm: "least-connections"}, nil, "1.1.1.1:1 300", "2.2.2.2:2 100")
	for _, n := range []int{4, 8} {
		got := map[string]int{}
		var held []*Peer
		for range n {
			p, _ := b.Pick(nil, nil)
			got[p.Addr.String()]++
			held = append(held, p)
		}
		if got["1.1.1.1:1"] != n*3/4 {
			t.Errorf("%d requests: %v", n, got)
		}
		for _, p := range held {
			b.Done(p, Result{Status: 200})
		}
	}
	b = newBench(t, "").open(entity.Upstream{Algorithm: "least-connections"}, nil, "1.1.1.1:1", "2.2.2.2:2")
	busy, _ := b.Pick(nil, nil)
	if got := counts(b, 7, nil); strings.Contains(got, busy.Addr.String()) {
		t.Errorf("the busy target got requests: %s", got)
	}
	b.Done(busy, Result{})
	if got := counts(b, 8, nil); got != "1.1.1.1:1=4 2.2.2.2:2=4" {
		t.Errorf("idle targets do not take turns: %s", got)
	}
}

func TestLatency(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	bench := newBench(t, "")
	bench.deps.Now = func() time.Time { return now }
	b := bench.open(entity.Upstream{Algorithm: "latency"}, nil, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3")
	slow := map[string]time.Duration{"1.1.1.1:1": 10 * time.Millisecond, "2.2.2.2:2": 20 * time.Millisecond, "3.3.3.3:3": time.Second}
	got := map[string]int{}
	for range 300 {
		p, err := b.Pick(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got[p.Addr.String()]++
		b.Done(p, Result{Status: 200, Latency: slow[p.Addr.String()]})
		now = now.Add(time.Millisecond)
	}
	// Two draws of three: the slowest is never the better one.
	if got["3.3.3.3:3"] > 2 || got["1.1.1.1:1"] < got["2.2.2.2:2"] {
		t.Errorf("got %v", got)
	}
	// A peer that was slow gets another chance after a while.
	for _, h := range b.hosts {
		if p := h.peers[0]; p.Addr.Port() == 3 && p.score(now.Add(2*time.Minute)) > 0.001 {
			t.Errorf("score after two minutes: %v", p.score(now.Add(2*time.Minute)))
		}
	}
}

func TestHealth(t *testing.T) {
	u := entity.Upstream{HashOn: "ip", Healthchecks: entity.Healthchecks{Passive: entity.PassiveChecks{
		Unhealthy: entity.Unhealthy{HTTPFailures: 2, TCPFailures: 1, Timeouts: 1, HTTPStatuses: []int{500}},
	}}}
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		u.Algorithm = a
		b := newBench(t, "").open(u, nil, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3")
		fail := func(addr string, r Result) {
			for i := range 1000 {
				p, err := b.Pick(values{"ip": {fmt.Sprint(i)}}, nil)
				if err != nil {
					t.Fatalf("%s: %v", a, err)
				}
				if p.Addr.String() == addr {
					b.Done(p, r)
					return
				}
				b.Done(p, Result{Status: 200})
			}
			t.Fatalf("%s: %s was never picked", a, addr)
		}
		fail("1.1.1.1:1", Result{Status: 500})
		fail("1.1.1.1:1", Result{Status: 500})
		fail("3.3.3.3:3", Result{Failure: health.TCPFailure})
		if got := counts(b, 10, values{}); got != "2.2.2.2:2=10" {
			t.Errorf("%s: got %s", a, got)
		}
		fail("2.2.2.2:2", Result{Failure: health.TimeoutFailure})
		if got := picks(b, 1, values{}); got != noPeers {
			t.Errorf("%s: got %s", a, got)
		}
	}
}

// The turn of an unhealthy peer goes to the others evenly.
func TestUnhealthyTurnsAreShared(t *testing.T) {
	b := newBench(t, "").open(entity.Upstream{}, nil, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3")
	b.SetHealth("1.1.1.1:1", netip.AddrPort{}, false)
	if got := counts(b, 10, nil); got != "2.2.2.2:2=5 3.3.3.3:3=5" {
		t.Errorf("got %s", got)
	}
}

func TestThreshold(t *testing.T) {
	tests := []struct {
		threshold float64
		down      int // of four equal targets
		serves    bool
	}{
		{0, 3, true}, {0, 4, false}, {50, 2, true}, {50, 3, false}, {100, 0, true}, {100, 1, false}, {75.5, 1, false},
	}
	for _, tt := range tests {
		b := newBench(t, "").open(entity.Upstream{Healthchecks: entity.Healthchecks{Threshold: tt.threshold}}, nil, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3", "4.4.4.4:4")
		for i := range tt.down {
			b.SetHealth(fmt.Sprintf("t%d", i), netip.AddrPort{}, false)
		}
		if got := picks(b, 1, nil); (got != noPeers) != tt.serves || b.Health().Healthy != tt.serves {
			t.Errorf("threshold %v, %d of 4 down: %s", tt.threshold, tt.down, got)
		}
	}
}

func TestHealthView(t *testing.T) {
	u := entity.Upstream{Healthchecks: entity.Healthchecks{Passive: entity.PassiveChecks{
		Unhealthy: entity.Unhealthy{HTTPFailures: 1, HTTPStatuses: []int{500}},
	}}}
	b := newBench(t, "two.test A 60 127.0.0.2\ntwo.test A 60 127.0.0.3\n").open(u, nil, "1.1.1.1:1", "two.test:80 10", "nowhere.invalid:80")
	if !b.SetHealth("t1", netip.MustParseAddrPort("127.0.0.3:80"), false) || b.SetHealth("127.0.0.1:1", netip.AddrPort{}, true) || b.SetHealth("t2", netip.AddrPort{}, true) {
		t.Error("SetHealth took a wrong target or refused a right one")
	}
	want := View{Healthy: true, Status: Healthy, Weight: Weights{120, 110, 10}, Targets: []TargetView{
		{ID: "t0", Target: "1.1.1.1:1", Host: "1.1.1.1", Port: 1, DNS: "A", NodeWeight: 100, Weight: Weights{100, 100, 0}, Status: Healthy,
			Addresses: []AddressView{{netip.MustParseAddrPort("1.1.1.1:1"), 100, true, Healthy}}},
		{ID: "t1", Target: "two.test:80", Host: "two.test", Port: 80, DNS: "A", NodeWeight: 10, Weight: Weights{20, 10, 10}, Status: Healthy,
			Addresses: []AddressView{{netip.MustParseAddrPort("127.0.0.2:80"), 10, true, Healthy}, {netip.MustParseAddrPort("127.0.0.3:80"), 10, false, Unhealthy}}},
		{ID: "t2", Target: "nowhere.invalid:80", Host: "nowhere.invalid", Port: 80, DNS: "dns server error: 3 name error", NodeWeight: 100, Status: DNSError},
	}}
	if got := b.Health(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	b = newBench(t, "").open(entity.Upstream{}, nil, "1.1.1.1:1")
	if v := b.Health(); v.Status != Off || v.Targets[0].Status != Off || v.Targets[0].Addresses[0].Status != Off {
		t.Errorf("without checks: %+v", v)
	}
}

// A rebuild keeps counts of connections, health and the turn.
func TestRebuildKeepsState(t *testing.T) {
	bench := newBench(t, "")
	u := entity.Upstream{Algorithm: "least-connections"}
	b1 := bench.open(u, nil, "1.1.1.1:1", "2.2.2.2:2")
	busy, _ := b1.Pick(nil, nil)
	b2 := bench.open(u, b1, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3")
	b1.Close()
	if got := counts(b2, 6, nil); strings.Contains(got, busy.Addr.String()) {
		t.Errorf("connections were forgotten: %s", got)
	}
	b1.Done(busy, Result{})
	if got := counts(b2, 6, nil); got != "1.1.1.1:1=2 2.2.2.2:2=2 3.3.3.3:3=2" {
		t.Errorf("got %s", got)
	}
	b2.SetHealth("t0", netip.AddrPort{}, false)
	u.Algorithm = "round-robin"
	b3 := bench.open(u, b2, "1.1.1.1:1", "2.2.2.2:2")
	b2.Close()
	if got := counts(b3, 4, nil); got != "2.2.2.2:2=4" {
		t.Errorf("health was forgotten: %s", got)
	}
	b4 := bench.open(u, b3, "4.4.4.4:4", "5.5.5.5:5")
	b3.Close()
	first := picks(b4, 1, nil)
	b5 := bench.open(u, b4, "4.4.4.4:4", "5.5.5.5:5")
	b4.Close()
	if second := picks(b5, 1, nil); second == first {
		t.Errorf("the turn began anew: %s, %s", first, second)
	}
	if got := picks(b1, 1, nil); got == noPeers {
		t.Error("a request of an old snapshot finds no peer")
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	var k Hasher = values{"header k": {"v"}}
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		u := entity.Upstream{Algorithm: a, HashOn: "header", HashOnHeader: "k"}
		u.Healthchecks.Passive = entity.PassiveChecks{Healthy: entity.Healthy{HTTPStatuses: []int{200}, Successes: 1}, Unhealthy: entity.Unhealthy{HTTPFailures: 3}}
		b := newBench(t, "").open(u, nil, "1.1.1.1:1", "2.2.2.2:2")
		tries := new(Tries)
		if a == "consistent-hashing" {
			b.Pick(k, tries) // the test's own Hasher allocates
		}
		n := testing.AllocsPerRun(100, func() {
			p, _ := b.Pick(k, tries)
			b.Done(p, Result{Status: 200, Latency: time.Millisecond})
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	bench := newBench(t, "two.test A 1 127.0.0.2\ntwo.test A 1 127.0.0.3\n")
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		u := entity.Upstream{Algorithm: a}
		u.Healthchecks.Passive.Unhealthy = entity.Unhealthy{HTTPFailures: 3, HTTPStatuses: []int{500}}
		b := bench.open(u, nil, "1.1.1.1:1", "two.test:2", "3.3.3.3:3")
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 200 {
					p, err := b.Pick(values{"ip": {fmt.Sprint(i)}}, new(Tries))
					if err != nil {
						t.Error(err)
						return
					}
					if w == 0 {
						b.SetHealth("t0", netip.AddrPort{}, i%2 == 0)
						b.Health()
					}
					b.Done(p, Result{Status: 200, Latency: time.Millisecond})
				}
			})
		}
		wg.Wait()
		for _, h := range b.hosts {
			for _, p := range h.peers {
				if n := p.load.inflight.Load(); n != 0 {
					t.Errorf("%s: %d requests under way at %v", a, n, p.Addr)
				}
			}
		}
		b.Close()
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	bench := newBench(t, "quiet.test TIMEOUT\n")
	b := New(&entity.Upstream{ID: "u1"}, targets("quiet.test:1", "1.1.1.1:1"), nil, bench.deps)
	defer b.Close()
	if _, err := b.Pick(nil, nil); !errors.Is(err, ErrResolving) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Patience ends: the targets that are known serve.
func TestPatience(t *testing.T) {
	bench := newBench(t, "quiet.test TIMEOUT\n")
	bench.deps.Patience = 20 * time.Millisecond
	b := bench.open(entity.Upstream{}, nil, "quiet.test:1", "1.1.1.1:1")
	if got := picks(b, 2, nil); got != "1.1.1.1:1 1.1.1.1:1" {
		t.Errorf("got %s", got)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, a := range []string{"round-robin", "consistent-hashing", "least-connections", "latency"} {
		b.Run(a, func(b *testing.B) {
			d := Deps{Health: health.NewRegistry(health.Options{})}
			bal := New(&entity.Upstream{Algorithm: a}, targets("1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3 50"), nil, d)
			defer bal.Close()
			b.RunParallel(func(pb *testing.PB) {
				var tries Tries
				for pb.Next() {
					p, _ := bal.Pick(nil, &tries)
					bal.Done(p, Result{Status: 200, Latency: time.Millisecond})
				}
			})
		})
	}
}
