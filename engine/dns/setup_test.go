package dns

import (
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
)

func newServer(t testing.TB, zone string) *dnstest.Server {
	t.Helper()
	s, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newResolver is a resolver with kong.conf's defaults on the server; change
// adjusts it, resolvConf is the content of resolv.conf.
func newResolver(t testing.TB, s *dnstest.Server, resolvConf string, change func(*Options)) (*Resolver, *clock) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(path, []byte(resolvConf), 0o644); err != nil {
		t.Fatal(err)
	}
	c := newClock()
	o := Options{
		Servers: []netip.AddrPort{s.Addr}, ResolvConf: path, Now: c.Now,
		StaleTTL: time.Hour, NotFoundTTL: 30 * time.Second, ErrorTTL: time.Second,
	}
	if change != nil {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}
