package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func show(a *Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	b.WriteString(a.Type.String())
	for _, r := range a.Records {
		fmt.Fprintf(&b, " %s*%d", r.AddrPort(80), r.Weight)
	}
	return b.String()
}

const zone = `
one.test A 60 127.0.0.1
six.test AAAA 60 ::1
both.test A 60 127.0.0.1
both.test SRV 60 1 1 8001 a.test
a.test A 60 127.0.0.5
two.test A 60 127.0.0.6
two.test A 60 127.0.0.7
prio.test SRV 60 10 100 1 a.test
prio.test SRV 60 5 0 2 a.test
prio.test SRV 60 5 3 3 a.test
wide.test SRV 60 1 2 1 a.test
wide.test SRV 60 1 2 2 two.test
broken.test SRV 60 1 1 1 none.test
broken.test SRV 60 1 1 2 a.test
alias.test CNAME 60 a.test
chain.test CNAME 60 end.test 127.0.0.8
loop.test CNAME 60 loop.test
fail.test SERVFAIL
refused.test REFUSED
big.test TRUNCATE
big.test A 60 127.0.0.9
forged.test FORGE
forged.test A 60 127.0.0.10
short.corp.test A 60 127.0.0.11
_http._tcp.both.test SRV 60 1 1 8002 a.test
`

func TestResolve(t *testing.T) {
	s := newServer(t, zone)
	order := func(list string) func(*Options) {
		return func(o *Options) { o.Order, _ = ParseOrder(strings.Split(list, ",")) }
	}
	newClient := func(o *Options) { o.NewClient = true; o.Order = []Type{TypeA, TypeSRV} }
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"one.test", nil, "A 127.0.0.1:80*1"},
		{"ONE.Test.", nil, "A 127.0.0.1:80*1"},
		{"192.0.2.1", nil, "A 192.0.2.1:80*1"},
		{"::1", nil, "AAAA [::1]:80*1"},
		{"[::1]", nil, "AAAA [::1]:80*1"},
		{"six.test", nil, "dns client error: 101 empty record received"},
		{"six.test", order("LAST,A,AAAA"), "AAAA [::1]:80*1"},
		{"both.test", nil, "SRV 127.0.0.5:8001*1"},
		{"both.test", order("LAST,A,SRV"), "A 127.0.0.1:80*1"},
		{"both.test", newClient, "A 127.0.0.1:80*1"},
		{"_http._tcp.both.test", newClient, "SRV 127.0.0.5:8002*1"},
		{"prio.test", newClient, "dns client error: 101 empty record received"},
		{"prio.test", nil, "SRV 127.0.0.5:2*1 127.0.0.5:3*3"},
		{"wide.test", nil, "SRV 127.0.0.5:1*4 127.0.0.6:2*2 127.0.0.7:2*2"},
		{"broken.test", nil, "SRV 127.0.0.5:2*1"},
		{"alias.test", nil, "A 127.0.0.5:80*1"},
		{"alias.test", order("CNAME"), "dns client error: 101 empty record received"},
		{"chain.test", order("A"), "A 127.0.0.8:80*1"},
		{"loop.test", nil, "dns client error: recursion detected"},
		{"none.test", nil, "dns server error: 3 name error"},
		{"fail.test", nil, "dns server error: 2 server failure"},
		{"refused.test", nil, "dns server error: 5 refused"},
		{"big.test", nil, "A 127.0.0.9:80*1"},
		{"forged.test", order("A"), "A 127.0.0.10:80*1"},
		{"short", nil, "A 127.0.0.11:80*1"},
		{"a..test", nil, "dns server error: 1 format error"},
		{strings.Repeat("x", 64) + ".test", nil, "dns server error: 1 format error"},
		{"localhost", nil, "A 127.0.0.1:80*1"},
	}
	for _, tt := range tests {
		r, _ := newResolver(t, s, "search other.test corp.test\n", tt.change)
		if got := show(r.Resolve(t.Context(), tt.name)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestProblem(t *testing.T) {
	tests := []struct {
		err    error
		status int
		want   string
	}{
		{&Error{Code: 3}, 503, "name resolution failed"},
		{&Error{Code: CodeEmpty}, 503, "name resolution failed"},
		{&Error{Code: 2}, 500, "failed the initial dns/balancer resolve for 'x.test' with: dns server error: 2 server failure"},
		{fmt.Errorf("wrapped: %w", &Error{Code: 9}), 500, "failed the initial dns/balancer resolve for 'x.test' with: wrapped: dns server error: 9 unknown"},
	}
	for _, tt := range tests {
		if status, got := Problem("x.test", tt.err); status != tt.status || got != tt.want {
			t.Errorf("%v: got %d %s", tt.err, status, got)
		}
	}
}

func TestLastTypeIsAskedFirst(t *testing.T) {
	s := newServer(t, "one.test A 1 127.0.0.1\n")
	r, c := newResolver(t, s, "", nil)
	r.Resolve(t.Context(), "one.test")
	c.advance(2 * time.Second)
	r.Refresh(t.Context(), "one.test")
	if srv, a := s.Count("one.test SRV"), s.Count("one.test A"); srv != 1 || a != 2 {
		t.Errorf("asked for SRV %d times, A %d times", srv, a)
	}
}

func TestStaleServesWhileRefreshed(t *testing.T) {
	s := newServer(t, "move.test A 1 127.0.0.1\n")
	r, c := newResolver(t, s, "", nil)
	r.Resolve(t.Context(), "move.test")
	s.Set("move.test A 60 127.0.0.2\n")
	if got := show(r.Resolve(t.Context(), "move.test")); got != "A 127.0.0.1:80*1" {
		t.Errorf("within the ttl: %s", got)
	}
	c.advance(1600 * time.Millisecond)
	if got := show(r.Resolve(t.Context(), "move.test")); got != "A 127.0.0.1:80*1" {
		t.Errorf("stale: %s", got)
	}
	eventually(t, func() bool { return show(r.Resolve(t.Context(), "move.test")) == "A 127.0.0.2:80*1" })
}

func TestStaleTTLZeroAsksAgain(t *testing.T) {
	s := newServer(t, "move.test A 1 127.0.0.1\n")
	r, c := newResolver(t, s, "", func(o *Options) { o.StaleTTL = 0 })
	r.Resolve(t.Context(), "move.test")
	s.Set("move.test A 1 127.0.0.2\n")
	c.advance(1600 * time.Millisecond)
	if _, ok := r.Cached("move.test"); ok {
		t.Error("an expired answer is still there")
	}
	if got := show(r.Resolve(t.Context(), "move.test")); got != "A 127.0.0.2:80*1" {
		t.Errorf("got %s", got)
	}
}

func TestValidTTLReplacesTTL(t *testing.T) {
	s := newServer(t, "one.test A 600 127.0.0.1\n")
	ttl := 2 * time.Second
	r, c := newResolver(t, s, "", func(o *Options) { o.ValidTTL = &ttl; o.StaleTTL = 0 })
	r.Resolve(t.Context(), "one.test")
	c.advance(3 * time.Second)
	if _, ok := r.Cached("one.test"); ok {
		t.Error("dns_valid_ttl does not count")
	}
}

func TestNotFoundIsKept(t *testing.T) {
	s := newServer(t, "")
	r, c := newResolver(t, s, "", func(o *Options) { o.NotFoundTTL = time.Second })
	r.Resolve(t.Context(), "late.test")
	s.Set("late.test A 60 127.0.0.1\n")
	r.Resolve(t.Context(), "late.test")
	if n := s.Count("late.test A"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	c.advance(1500 * time.Millisecond)
	if _, err := r.Resolve(t.Context(), "late.test"); err == nil {
		t.Error("the failure does not serve while the name is asked for again")
	}
	eventually(t, func() bool { _, err := r.Resolve(t.Context(), "late.test"); return err == nil })
}

func TestServersThatFailDoNotUndoAnAnswer(t *testing.T) {
	s := newServer(t, "one.test A 1 127.0.0.1\n")
	r, c := newResolver(t, s, "", nil)
	r.Resolve(t.Context(), "one.test")
	s.Set("one.test SERVFAIL\n")
	c.advance(2 * time.Second)
	a, err := r.Refresh(t.Context(), "one.test")
	if got := show(a, err); got != "A 127.0.0.1:80*1" {
		t.Errorf("got %s", got)
	}
	c.advance(2 * time.Hour)
	a, err = r.Refresh(t.Context(), "one.test")
	if err != nil || a.Err == nil {
		t.Errorf("after dns_stale_ttl: %s", show(a, err))
	}
}

func TestErrorTTL(t *testing.T) {
	s := newServer(t, "one.test SERVFAIL\n")
	r, c := newResolver(t, s, "", func(o *Options) { o.StaleTTL = 0 })
	r.Resolve(t.Context(), "one.test")
	s.Set("one.test A 1 127.0.0.1\n")
	if _, err := r.Resolve(t.Context(), "one.test"); err == nil {
		t.Error("the error is not kept")
	}
	c.advance(1100 * time.Millisecond)
	if got := show(r.Resolve(t.Context(), "one.test")); got != "A 127.0.0.1:80*1" {
		t.Errorf("got %s", got)
	}
}

func TestSingleFlight(t *testing.T) {
	t.Parallel()
	for _, noSync := range []bool{false, true} {
		s := newServer(t, "one.test TIMEOUT\n")
		r, _ := newResolver(t, s, "options timeout:1 attempts:1\n", func(o *Options) { o.NoSync = noSync; o.Order = []Type{TypeA} })
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { r.Resolve(t.Context(), "one.test") })
		}
		wg.Wait()
		want := 1
		if noSync {
			want = 5
		}
		if n := s.Count("one.test A"); n != want {
			t.Errorf("dns_no_sync %v: asked %d times, want %d", noSync, n, want)
		}
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	quiet := newServer(t, "one.test TIMEOUT\n")
	good := newServer(t, "one.test A 60 127.0.0.1\n")
	r, _ := newResolver(t, quiet, "options timeout:1 attempts:2\n", func(o *Options) { o.Servers = append(o.Servers, good.Addr) })
	if got := show(r.Resolve(t.Context(), "one.test")); got != "A 127.0.0.1:80*1" {
		t.Errorf("got %s", got)
	}
	r, _ = newResolver(t, quiet, "options timeout:1 attempts:1\n", nil)
	_, err := r.Resolve(t.Context(), "one.test")
	if status, _ := Problem("one.test", err); status != 500 {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Resolve(ctx, "two.test"); err == nil {
		t.Error("no error")
	}
}

func TestContextEndsTheWait(t *testing.T) {
	s := newServer(t, "one.test TIMEOUT\n")
	for _, noSync := range []bool{false, true} {
		r, _ := newResolver(t, s, "", func(o *Options) { o.NoSync = noSync })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := r.Resolve(ctx, "one.test"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		cancel()
		if _, ok := r.Cached("one.test"); ok {
			t.Error("the caller's impatience was kept as an answer")
		}
	}
}

func TestHostsFile(t *testing.T) {
	s := newServer(t, "hosted.test A 60 127.0.0.2\nsix.test A 60 127.0.0.2\n")
	path := filepath.Join(t.TempDir(), "hosts")
	os.WriteFile(path, []byte("# a comment\n127.0.0.1 hosted.test Other.test # another\n127.0.0.9 hosted.test\n::1 six.test\nbad line\n\n"), 0o644)
	r, _ := newResolver(t, s, "", func(o *Options) { o.HostsFile = path })
	for name, want := range map[string]string{
		"hosted.test": "A 127.0.0.1:80*1",
		"other.test":  "A 127.0.0.1:80*1",
		"six.test":    "A 127.0.0.2:80*1", // AAAA is not in the order
	} {
		if got := show(r.Resolve(t.Context(), name)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if _, ok := r.Cached("hosted.test"); !ok {
		t.Error("a name of the hosts file is not known at once")
	}
}

func TestPickTakesTurns(t *testing.T) {
	s := newServer(t, "multi.test A 60 127.0.0.1\nmulti.test A 60 127.0.0.2\nmulti.test A 60 127.0.0.3\nsrv.test SRV 60 1 2 1 a.test\nsrv.test SRV 60 1 1 2 a.test\na.test A 60 127.0.0.1\n")
	r, _ := newResolver(t, s, "", nil)
	for name, want := range map[string]string{
		"multi.test": "map[127.0.0.1:80:4 127.0.0.2:80:4 127.0.0.3:80:4]",
		"srv.test":   "map[127.0.0.1:1:8 127.0.0.1:2:4]",
	} {
		counts := map[string]int{}
		for range 12 {
			a, err := r.Resolve(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			counts[a.Pick(80).String()]++
		}
		if got := fmt.Sprint(counts); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := (&Answer{Err: &Error{Code: 3}}).Pick(80); got.IsValid() {
		t.Errorf("a failure has the address %v", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := newServer(t, "")
	r, _ := newResolver(t, s, "", func(o *Options) { o.CacheSize = 10; o.Order = []Type{TypeA} })
	for i := range 50 {
		r.Resolve(t.Context(), fmt.Sprintf("n%d.test", i))
		r.Cached("n0.test")
	}
	if n := len(r.cache.entries); n != 10 {
		t.Errorf("%d entries", n)
	}
	if n := s.Count("n0.test A"); n != 1 {
		t.Errorf("a name in use was evicted (asked %d times)", n)
	}
}

func TestCachedDoesNotAllocate(t *testing.T) {
	s := newServer(t, "one.test A 60 127.0.0.1\n")
	r, _ := newResolver(t, s, "", nil)
	r.Resolve(t.Context(), "one.test")
	h := r.Name("one.test")
	if n := testing.AllocsPerRun(100, func() { r.Cached("one.test"); a, _ := h.Cached(); a.Pick(80) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseServers(t *testing.T) {
	got, err := ParseServers([]string{"127.0.0.1", "192.0.2.1:5353", "[::1]", "[::1]:54", " ::2 "})
	if want := "[127.0.0.1:53 192.0.2.1:5353 [::1]:53 [::1]:54 [::2]:53]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ParseServers([]string{"ns.test"}); err == nil {
		t.Error("a name is no server")
	}
}

func TestResolvConf(t *testing.T) {
	c := resolvConf{ndots: 1}
	err := c.parse(strings.NewReader("nameserver 192.0.2.1\nnameserver bad\n; comment\ndomain a.test\nsearch b.test. C.test # x\noptions ndots:2 timeout:3 attempts:4 rotate edns0 attempts:x\n"))
	if got, want := fmt.Sprint(c.servers, c.search, c.ndots, c.timeout, c.attempts, c.rotate), "[192.0.2.1:53] [b.test c.test] 2 3s 4 true"; err != nil || got != want {
		t.Errorf("got %s, want %s (%v)", got, want, err)
	}
	for name, want := range map[string]string{
		"x":     "[x.b.test x.c.test x]",
		"x.y":   "[x.y.b.test x.y.c.test x.y]",
		"x.y.z": "[x.y.z x.y.z.b.test x.y.z.c.test]",
	} {
		if got := fmt.Sprint(c.candidates(name)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("LOCALDOMAIN", "a.test b.test")
	t.Setenv("RES_OPTIONS", "ndots:3 attempts:2")
	c, err := readResolvConf(filepath.Join(t.TempDir(), "none"))
	if got := fmt.Sprint(c.servers, c.search, c.ndots, c.attempts); err != nil || got != "[127.0.0.1:53] [a.test b.test] 3 2" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestParseOrder(t *testing.T) {
	if _, err := ParseOrder([]string{"A", "MX"}); err == nil {
		t.Error("MX was taken")
	}
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 200 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("did not happen within a second")
}
