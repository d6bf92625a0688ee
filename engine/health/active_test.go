package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// backend answers probes over pipes, so that a test's time is its own.
type backend struct {
	mu     sync.Mutex
	answer map[string]string // by address; "" = refuses, "SILENT" = never answers
	heads  []string
	open   int
	most   int
}

// probing is a registry whose probes of addr1 get an answer.
func probing(t *testing.T, answer string) (*backend, *Registry) {
	b := &backend{answer: map[string]string{addr1: answer}}
	r := NewRegistry(Options{Dial: b.dial})
	t.Cleanup(func() {
		r.Close()
		time.Sleep(time.Second) // the backend's goroutines end
	})
	return b, r
}

func (b *backend) set(addr, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer[addr] = answer
}

// seen is the heads so far and the most probes at once.
func (b *backend) seen() ([]string, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.heads), b.most
}

func (b *backend) dial(_ context.Context, _, addr string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answer := b.answer[addr]
	if answer == "" {
		return nil, errors.New("connection refused")
	}
	b.open++
	b.most = max(b.most, b.open)
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		var head strings.Builder
		r := bufio.NewReader(server)
		for {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			if err != nil || line == "\r\n" {
				break
			}
		}
		b.mu.Lock()
		if head.Len() > 0 {
			b.heads = append(b.heads, head.String())
		}
		b.mu.Unlock()
		if answer == "SILENT" {
			r.ReadByte() // until the prober gives up
		} else {
			time.Sleep(10 * time.Millisecond)
		}
		b.mu.Lock()
		b.open-- // before the prober knows
		b.mu.Unlock()
		server.Write([]byte(answer))
	}()
	return client, nil
}

func active(kind string, healthy, unhealthy float64) *entity.Upstream {
	return &entity.Upstream{ID: "u1", Name: "b.up", Healthchecks: entity.Healthchecks{Active: entity.ActiveChecks{
		Type: kind, HTTPPath: "/probe", Timeout: 1, Concurrency: 10,
		Healthy:   entity.Healthy{Interval: healthy, Successes: 1, HTTPStatuses: []int{200}},
		Unhealthy: entity.Unhealthy{Interval: unhealthy, HTTPFailures: 1, TCPFailures: 1, Timeouts: 1, HTTPStatuses: []int{500}},
	}}}
}

const (
	ok200  = "HTTP/1.1 200 OK\r\n\r\n"
	bad500 = "HTTP/1.1 500 Bad\r\n\r\n"
	addr1  = "127.0.0.1:8000"
)

func TestActiveTakesOutAndBringsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := probing(t, ok200)
		a := r.Open(active("http", 0.2, 0.2), TLS{}).Acquire(key)
		for _, step := range []struct {
			answer string
			want   bool
		}{
			{ok200, true}, {bad500, false}, {ok200, true},
			{"", false}, {ok200, true}, {"SILENT", false}, {ok200, true},
			{"HTTP/1.1 404 No\r\n\r\n", true}, // in neither list
			{"SSH-2.0\r\n", false}, {"HTTP/1.1 404 No\r\n\r\n", false},
		} {
			b.set(addr1, step.answer)
			time.Sleep(2500 * time.Millisecond)
			if a.Healthy() != step.want {
				t.Errorf("after answers %q: healthy %v", step.answer, a.Healthy())
			}
		}
	})
}

func TestProbeShape(t *testing.T) {
	tests := []struct {
		change func(*entity.Upstream)
		want   string
	}{
		{func(*entity.Upstream) {}, "GET /probe HTTP/1.0\r\nHost: a.test\r\n\r\n"},
		{func(u *entity.Upstream) { u.HostHeader = "shop.test" }, "GET /probe HTTP/1.0\r\nHost: shop.test\r\n\r\n"},
		{func(u *entity.Upstream) {
			u.Healthchecks.Active.Headers = map[string][]string{"X-Probe": {"a", "b"}, "User-Agent": {"mine"}}
		}, "GET /probe HTTP/1.0\r\nUser-Agent: mine\r\nX-Probe: a\r\nX-Probe: b\r\nHost: a.test\r\n\r\n"},
		{func(u *entity.Upstream) { u.Healthchecks.Active.Headers = map[string][]string{"host": {"own.test"}} },
			"GET /probe HTTP/1.0\r\nhost: own.test\r\n\r\n"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			b, r := probing(t, ok200)
			u := active("http", 1, 0)
			tt.change(u)
			r.Open(u, TLS{}).Acquire(key)
			time.Sleep(1500 * time.Millisecond)
			if heads, _ := b.seen(); len(heads) != 1 || heads[0] != tt.want {
				t.Errorf("got %q, want %q", heads, tt.want)
			}
		})
	}
}

// Passive checks take out, active ones bring back; healthy addresses are not
// probed when only the unhealthy interval is set.
func TestActiveBringsBackAfterPassive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := probing(t, ok200)
		u := active("http", 0, 0.3)
		u.Healthchecks.Passive.Unhealthy = entity.Unhealthy{HTTPFailures: 1, HTTPStatuses: []int{500}}
		a := r.Open(u, TLS{}).Acquire(key)
		time.Sleep(time.Second)
		if heads, _ := b.seen(); len(heads) != 0 {
			t.Errorf("a healthy address was probed")
		}
		a.Report(500, NoFailure)
		if a.Healthy() {
			t.Error("healthy after a failure")
		}
		time.Sleep(time.Second)
		if !a.Healthy() {
			t.Error("not brought back")
		}
	})
}

func TestTCPProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := probing(t, "SILENT")
		a := r.Open(active("tcp", 0.1, 0.1), TLS{}).Acquire(key)
		for _, answer := range []string{"", "SILENT"} {
			b.set(addr1, answer)
			time.Sleep(time.Second)
			if a.Healthy() != (answer != "") {
				t.Errorf("answer %q: healthy %v", answer, a.Healthy())
			}
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := probing(t, "")
		u := active("http", 1, 0)
		u.Healthchecks.Active.Concurrency = 3
		c := r.Open(u, TLS{})
		for i := range 10 {
			k := Key{Addr: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", 1000+i))}
			b.set(k.Addr.String(), ok200)
			c.Acquire(k)
		}
		time.Sleep(1900 * time.Millisecond)
		if heads, most := b.seen(); most != 3 || len(heads) != 10 {
			t.Errorf("%d probes at once, %d in all", most, len(heads))
		}
	})
}

// Probes end with the last holder, and when their interval becomes 0; Close
// gives up the probe under way.
func TestProbesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := probing(t, ok200)
		count := func() int {
			b.mu.Lock()
			defer b.mu.Unlock()
			n := len(b.heads)
			b.heads = nil
			return n
		}
		c := r.Open(active("http", 1, 1), TLS{})
		c.Acquire(key)
		time.Sleep(5500 * time.Millisecond)
		if n := count(); n != 5 {
			t.Errorf("%d probes in 5.5 s", n)
		}
		r.Open(active("http", 0, 0), TLS{})
		time.Sleep(5 * time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d probes without an interval", n)
		}
		r.Open(active("http", 1, 0), TLS{})
		time.Sleep(1500 * time.Millisecond)
		if n := count(); n != 1 {
			t.Errorf("%d probes in 1.5 s", n)
		}
		c.Close()
		c.Close()
		c.Close()
		time.Sleep(5 * time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d probes of a closed checker", n)
		}
		u := active("http", 1, 0)
		u.Healthchecks.Active.Timeout = 3600
		b.set(addr1, "SILENT")
		r.Open(u, TLS{}).Acquire(key)
		time.Sleep(1500 * time.Millisecond)
		start := time.Now()
		r.Close()
		if d := time.Since(start); d != 0 {
			t.Errorf("Close took %v", d)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\n")
	f.Add("HTTP/1.0 404\n")
	f.Fuzz(func(t *testing.T, line string) {
		if n, err := parseStatus(line); err == nil && (n < 100 || n > 999) {
			t.Errorf("%q: %d", line, n)
		}
	})
}

func FuzzHealthStatus(f *testing.F) {
	f.Add([]byte{8, 1})
	f.Add([]byte{0x12, 1, 'x', 8, 1})
	f.Fuzz(func(t *testing.T, m []byte) { healthStatus(m) })
}
