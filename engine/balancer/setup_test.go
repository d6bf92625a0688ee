package balancer

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// bench is what balancers of a test share.
type bench struct {
	t      *testing.T
	server *dnstest.Server
	deps   Deps
}

func newBench(t *testing.T, zone string) *bench {
	t.Helper()
	s, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "resolv.conf")
	os.WriteFile(path, []byte("options timeout:1 attempts:1\n"), 0o644)
	r, err := dns.New(dns.Options{
		Servers: []netip.AddrPort{s.Addr}, ResolvConf: path,
		StaleTTL: time.Hour, NotFoundTTL: 30 * time.Second, ErrorTTL: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	h := health.NewRegistry(health.Options{})
	t.Cleanup(func() { h.Close(); r.Close(); s.Close() })
	return &bench{t: t, server: s, deps: Deps{Resolver: r, Health: h}}
}

// targets makes targets of "host:port weight" (100 without a weight).
func targets(list ...string) (ts []*entity.Target) {
	for i, s := range list {
		t := &entity.Target{ID: fmt.Sprintf("t%d", i), Weight: 100}
		fmt.Sscan(s, &t.Target, &t.Weight)
		ts = append(ts, t)
	}
	return ts
}

// open makes a balancer and waits for its names.
func (b *bench) open(u entity.Upstream, prev *Balancer, list ...string) *Balancer {
	b.t.Helper()
	u.ID, u.Name = "u1", "b.up"
	bal := New(&u, targets(list...), prev, b.deps)
	b.t.Cleanup(bal.Close)
	if err := bal.Wait(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return bal
}

// picks makes n requests that succeed and shows their addresses in order.
func picks(b *Balancer, n int, k Hasher) string {
	var got []string
	for range n {
		p, err := b.Pick(k, new(Tries))
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, p.Addr.String())
		b.Done(p, Result{})
	}
	return strings.Join(got, " ")
}

// counts is picks without the order.
func counts(b *Balancer, n int, k Hasher) string {
	m := map[string]int{}
	for _, a := range strings.Fields(picks(b, n, k)) {
		m[a]++
	}
	var list []string
	for a, n := range m {
		list = append(list, fmt.Sprintf("%s=%d", a, n))
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 400 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("did not happen within two seconds")
}

// values is a Hasher with fixed values.
type values map[string][]string

func (v values) HashValues(on HashOn, name string, dst []string) []string {
	kind := [...]string{"", "consumer", "ip", "header", "cookie", "path", "query", "capture"}[on]
	return append(dst, v[strings.Trim(kind+" "+name, " ")]...)
}
