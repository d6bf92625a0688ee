package balancer

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

var zeroAddr netip.AddrPort

const srvZone = `
two.test A 60 127.0.0.2
two.test A 60 127.0.0.3
srv.test SRV 60 1 2 1001 a.test
srv.test SRV 60 1 1 1002 a.test
a.test A 60 127.0.0.1
`

func TestNamesOfTargets(t *testing.T) {
	tests := []struct {
		targets string
		n       int
		want    string
	}{
		{"two.test:1,9.9.9.9:9", 30, "127.0.0.2:1=10 127.0.0.3:1=10 9.9.9.9:9=10"},
		{"two.test:1 10,9.9.9.9:9 20", 40, "127.0.0.2:1=10 127.0.0.3:1=10 9.9.9.9:9=20"},
		{"srv.test", 12, "127.0.0.1:1001=8 127.0.0.1:1002=4"},
		{"srv.test:77 5", 12, "127.0.0.1:1001=8 127.0.0.1:1002=4"},
		{"srv.test 0,9.9.9.9:9", 3, "9.9.9.9:9=3"},
		{"none.test:1,9.9.9.9:9", 3, "9.9.9.9:9=3"},
	}
	for _, tt := range tests {
		b := newBench(t, srvZone).open(entity.Upstream{}, nil, strings.Split(tt.targets, ",")...)
		if got := counts(b, tt.n, nil); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.targets, got, tt.want)
		}
	}
}

func TestHostOfPeers(t *testing.T) {
	tests := []struct {
		u                      entity.Upstream
		target                 string
		host, hostPort, header string
	}{
		{entity.Upstream{}, "1.1.1.1:80", "1.1.1.1", "1.1.1.1:80", "1.1.1.1"},
		{entity.Upstream{}, "[::1]:80", "::1", "[::1]:80", "[::1]"},
		{entity.Upstream{}, "localhost:81", "localhost", "localhost:81", "localhost:81"},
		{entity.Upstream{}, "srv.test", "srv.test", "srv.test:1001", "srv.test:1001"},
		{entity.Upstream{UseSRVName: true}, "srv.test", "a.test", "a.test:1001", "a.test:1001"},
		{entity.Upstream{UseSRVName: true}, "two.test:5", "two.test", "two.test:5", "two.test:5"},
		{entity.Upstream{HostHeader: "shop.test"}, "1.1.1.1:80", "shop.test", "shop.test:80", "shop.test"},
		{entity.Upstream{HostHeader: "shop.test:81", UseSRVName: true}, "srv.test", "shop.test", "shop.test:81:1001", "shop.test:81:1001"},
	}
	for _, tt := range tests {
		b := newBench(t, srvZone).open(tt.u, nil, tt.target)
		p, err := b.Pick(nil, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.target, err)
			continue
		}
		if p.Host != tt.host || p.HostPort != tt.hostPort || p.HostHeader(80) != tt.header {
			t.Errorf("%s: got %s, %s and %s, want %s, %s and %s", tt.target, p.Host, p.HostPort, p.HostHeader(80), tt.host, tt.hostPort, tt.header)
		}
		if p.Target != tt.target || p.TargetID != "t0" {
			t.Errorf("%s: got target %s %s", tt.target, p.Target, p.TargetID)
		}
	}
}

func TestFirstAnswerIsWaitedFor(t *testing.T) {
	bench := newBench(t, srvZone)
	b := New(&entity.Upstream{ID: "u1"}, targets("two.test:1", "9.9.9.9:9"), nil, bench.deps)
	defer b.Close()
	for {
		_, err := b.Pick(nil, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrResolving) {
			t.Fatal(err)
		}
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Addresses follow the name server; health and connections of those that stay
// are kept.
func TestAddressesAreRenewed(t *testing.T) {
	bench := newBench(t, "move.test A 1 127.0.0.1\nmove.test A 1 127.0.0.2\n")
	b := bench.open(entity.Upstream{}, nil, "move.test:80")
	b.SetHealth("t0", netip.MustParseAddrPort("127.0.0.2:80"), false)
	bench.server.Set("move.test A 1 127.0.0.2\nmove.test A 1 127.0.0.3\n")
	eventually(t, func() bool { return counts(b, 2, nil) == "127.0.0.3:80=2" })
	b.SetHealth("t0", netip.MustParseAddrPort("127.0.0.2:80"), true)
	if got := counts(b, 2, nil); got != "127.0.0.2:80=1 127.0.0.3:80=1" {
		t.Errorf("got %s", got)
	}
	if n := len(b.checker.Addresses()); n != 2 {
		t.Errorf("%d addresses are watched", n)
	}
}

// An answer that has not changed leaves the pool alone.
func TestSameAnswerKeepsThePool(t *testing.T) {
	bench := newBench(t, "still.test A 0 127.0.0.1\n")
	b := bench.open(entity.Upstream{}, nil, "still.test:80")
	pl := b.pool.Load()
	eventually(t, func() bool { return bench.server.Count("still.test A") >= 2 })
	if b.pool.Load() != pl {
		t.Error("the pool was replaced")
	}
}

// A name that appears later is found, and failures are told once.
func TestNameThatAppears(t *testing.T) {
	bench := newBench(t, "late.test SERVFAIL\n")
	var mu sync.Mutex
	var warned []string
	bench.deps.Warn = func(upstream, target string, err error) {
		mu.Lock()
		defer mu.Unlock()
		warned = append(warned, upstream+" "+target+" "+err.Error())
	}
	b := bench.open(entity.Upstream{}, nil, "late.test:80")
	if got := picks(b, 1, nil); got != noPeers {
		t.Errorf("got %s", got)
	}
	time.Sleep(1100 * time.Millisecond) // the failure is asked for again after 1 s
	bench.server.Set("late.test A 60 127.0.0.1\n")
	eventually(t, func() bool { return picks(b, 1, nil) == "127.0.0.1:80" })
	mu.Lock()
	defer mu.Unlock()
	if len(warned) != 1 || warned[0] != "b.up late.test:80 dns server error: 2 server failure" {
		t.Errorf("got %q", warned)
	}
}

// A rebuild does not wait for names that the balancer before knew, though
// their answers may not be kept.
func TestRebuildInheritsNames(t *testing.T) {
	bench := newBench(t, "zero.test A 60 127.0.0.1\n")
	b1 := bench.open(entity.Upstream{}, nil, "zero.test:80")
	bench.server.Set("zero.test TIMEOUT\n")
	other := newBench(t, "zero.test TIMEOUT\n") // a resolver that has not heard of it
	d := bench.deps
	d.Resolver = other.deps.Resolver
	b2 := New(&entity.Upstream{ID: "u1", HostHeader: "shop.test"}, targets("zero.test:80 7"), b1, d)
	defer b2.Close()
	b1.Close()
	p, err := b2.Pick(nil, nil)
	if err != nil || p.Addr.String() != "127.0.0.1:80" || p.Weight() != 7 || p.HostPort != "shop.test:80" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestSplitTarget(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port int
	}{
		"a.test": {"a.test", 8000}, "a.test:80": {"a.test", 80}, "1.2.3.4": {"1.2.3.4", 8000}, "1.2.3.4:5": {"1.2.3.4", 5},
		"::1": {"::1", 8000}, "[::1]": {"::1", 8000}, "[0:0::1]:80": {"::1", 80}, "a.test:x": {"a.test", 8000}, "a.test:70000": {"a.test", 8000},
	} {
		if host, port := splitTarget(in); host != want.host || port != want.port {
			t.Errorf("%s: got %s %d", in, host, port)
		}
	}
}
