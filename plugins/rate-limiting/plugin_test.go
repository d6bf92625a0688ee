package ratelimiting

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

// handlerOf makes a handler with counters of its own.
func handlerOf(t testing.TB, c conf) *handler {
	h := pdktest.Handler(t, config, newHandler, c).(*handler)
	h.counts = newCounters()
	return h
}

// noon is a moment that is in no window's last second.
var noon = time.Date(2026, 2, 14, 12, 0, 0, 0, time.UTC)

func run(t testing.TB, h *handler, at time.Time, request string, change ...func(*pdktest.Env)) *pdktest.Env {
	t.Helper()
	e := pdktest.New(t, request).As("rate-limiting")
	e.X.StartTime = float64(at.Unix())
	for _, c := range change {
		c(e)
	}
	if err := e.RunAccess(h); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWindows(t *testing.T) {
	h := handlerOf(t, conf{"day": 2, "year": 5})
	for i, want := range []struct {
		status                int
		day, year, least, all string
		retry                 string
	}{
		{0, "1", "4", "1", "2", ""}, {0, "0", "3", "0", "2", ""}, {429, "0", "3", "0", "2", "43200"}, {429, "0", "3", "0", "2", "43200"},
	} {
		e := run(t, h, noon, "GET /")
		if e.Status() != want.status || e.Got("X-RateLimit-Remaining-Day") != want.day || e.Got("X-RateLimit-Remaining-Year") != want.year ||
			e.Got("RateLimit-Remaining") != want.least || e.Got("RateLimit-Limit") != want.all || e.Got("RateLimit-Reset") != "43200" || e.Got("Retry-After") != want.retry {
			t.Errorf("request %d: %d, day %s, year %s, least %s of %s, reset %s, retry %s", i+1, e.Status(), e.Got("X-RateLimit-Remaining-Day"),
				e.Got("X-RateLimit-Remaining-Year"), e.Got("RateLimit-Remaining"), e.Got("RateLimit-Limit"), e.Got("RateLimit-Reset"), e.Got("Retry-After"))
		}
	}
	if e := run(t, h, noon.AddDate(0, 0, 1), "GET /"); e.Exited || e.Got("X-RateLimit-Remaining-Day") != "1" || e.Got("X-RateLimit-Remaining-Year") != "2" {
		t.Errorf("the next day: %d, day %s, year %s", e.Status(), e.Got("X-RateLimit-Remaining-Day"), e.Got("X-RateLimit-Remaining-Year"))
	}
}

func TestTie(t *testing.T) {
	e := run(t, handlerOf(t, conf{"month": 3, "year": 3}), noon, "GET /")
	days := int(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Sub(noon).Seconds())
	if e.Got("RateLimit-Limit") != "3" || e.Got("RateLimit-Reset") != fmt.Sprint(days) {
		t.Errorf("limit %s, reset %s, want %d", e.Got("RateLimit-Limit"), e.Got("RateLimit-Reset"), days)
	}
}

func TestLimitBy(t *testing.T) {
	as := func(consumer, credential string) func(*pdktest.Env) {
		return func(e *pdktest.Env) {
			if err := e.Client.Authenticate(map[string]any{"id": consumer}, map[string]any{"id": credential}); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := func(*pdktest.Env) {}
	type step struct {
		request string
		who     func(*pdktest.Env)
		refused bool
	}
	for _, c := range []struct {
		name  string
		extra conf
		steps []step
	}{
		{"consumer", nil, []step{{"GET /", as("alice", "ka"), false}, {"GET /", as("alice", "ka2"), true}, {"GET /", as("bob", "kb"), false}}},
		{"credential", conf{"limit_by": "credential"}, []step{{"GET /", as("alice", "ka"), false}, {"GET /", as("alice", "ka2"), false}, {"GET /", as("alice", "ka"), true}}},
		{"header", conf{"limit_by": "header", "header_name": "X-Tenant"}, []step{{"GET /\nX-Tenant: t1\n", none, false}, {"GET /\nX-Tenant: t2\n", none, false},
			{"GET /\nX-Tenant: t1\n", none, true}, {"GET /", none, false}, {"GET /", none, true}}},
		{"path", conf{"limit_by": "path", "path": "/path/one"}, []step{{"GET /path/one", none, false}, {"GET /path/two", none, false}, {"GET /path/one?x=1", none, true}}},
		{"ip", conf{"limit_by": "ip"}, []step{{"GET /", none, false}, {"GET /", as("alice", "ka"), true}}},
		{"service", conf{"limit_by": "service"}, []step{{"GET /", none, false}, {"GET /", as("alice", "ka"), true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := conf{"year": 1}
			for k, v := range c.extra {
				cfg[k] = v
			}
			h := handlerOf(t, cfg)
			for i, s := range c.steps {
				if e := run(t, h, noon, s.request, s.who); e.Exited != s.refused {
					t.Errorf("step %d: refused %v", i+1, e.Exited)
				}
			}
		})
	}
}

func TestConfigurationsCountApart(t *testing.T) {
	h := handlerOf(t, conf{"year": 1})
	other := func(e *pdktest.Env) { e.Current.ID = "another" }
	if run(t, h, noon, "GET /").Exited || run(t, h, noon, "GET /", other).Exited || !run(t, h, noon, "GET /").Exited {
		t.Error("two configurations share a counter")
	}
}

func TestRefusal(t *testing.T) {
	h := handlerOf(t, conf{"year": 1, "error_code": 503, "error_message": "slow down", "hide_client_headers": true})
	run(t, h, noon, "GET /")
	e := run(t, h, noon, "GET /")
	if e.Status() != 503 || !strings.Contains(e.Body(), "slow down") || e.Got("RateLimit-Limit")+e.Got("Retry-After")+e.Got("X-RateLimit-Limit-Year") != "" {
		t.Errorf("%d %s %s", e.Status(), e.Body(), e.Got("RateLimit-Limit"))
	}
}

func TestOtherPolicies(t *testing.T) {
	for _, policy := range []string{"cluster", "redis"} {
		rec, err := pdktest.Config(config, conf{"minute": 1, "policy": policy, "redis": conf{"host": "r.test"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newHandler(rec); err == nil || !strings.Contains(err.Error(), "config.policy") {
			t.Errorf("%s: error %v", policy, err)
		}
	}
}

// All workers share the counters: no request is counted twice or not at all.
func TestCountersTogether(t *testing.T) {
	c := newCounters()
	limits := [windowCount]int64{4: 1000}
	var let sync.Map
	var all sync.WaitGroup
	for w := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			n := 0
			for range 500 {
				if _, full := c.take(key{"p", "one"}, &limits, noon.Unix()); !full {
					n++
				}
			}
			let.Store(w, n)
		}()
	}
	all.Wait()
	total := 0
	let.Range(func(_, n any) bool { total += n.(int); return true })
	if total != 1000 {
		t.Errorf("%d requests were let through, want 1000", total)
	}
}

// Keys whose windows are over make room for new ones.
func TestCountersForget(t *testing.T) {
	c := newCounters()
	limits := [windowCount]int64{0: 1}
	for i := range 100000 {
		c.take(key{"p", fmt.Sprint(i)}, &limits, int64(1e9+i))
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].usages)
	}
	if n > 5000 {
		t.Errorf("%d keys are kept", n)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		config conf
		want   string
	}{
		{conf{}, "schema violation (at least one of these fields must be non-empty: 'config.second', 'config.minute', 'config.hour', 'config.day', 'config.month', 'config.year')"},
		{conf{"second": 10, "minute": 5}, "schema violation (config: The limit for minute(5.0) cannot be lower than the limit for second(10.0))"},
		{conf{"minute": 0}, "schema violation (config.minute: value must be greater than 0)"},
		{conf{"minute": 5, "policy": "redis"}, "2 schema violations (failed conditional validation given value of field 'config.policy'; config.redis: {\n  host = \"required field missing\"\n})"},
		{conf{"minute": 5, "policy": "nope", "limit_by": "moon"}, "2 schema violations (config.limit_by: expected one of: consumer, credential, ip, service, header, path; config.policy: expected one of: local, cluster, redis)"},
		{conf{"minute": 5, "limit_by": "header"}, "2 schema violations (failed conditional validation given value of field 'config.limit_by'; config.header_name: required field missing)"},
	} {
		if _, err := pdktest.Config(config, c.config); err == nil || err.Error() != c.want {
			t.Errorf("%v: error %v\nwant %s", c.config, err, c.want)
		}
	}
	rec, err := pdktest.Config(config, conf{"minute": 5, "redis_host": "old.test", "redis_port": 6390})
	if err != nil {
		t.Fatal(err)
	}
	if r := rec["redis"].(map[string]any); r["host"] != "old.test" || r["port"] != 6390.0 {
		t.Errorf("%v", rec["redis"])
	}
}

func BenchmarkTake(b *testing.B) {
	c := newCounters()
	limits := [windowCount]int64{1: 1 << 60, 2: 1 << 60}
	b.ReportAllocs()
	for b.Loop() {
		c.take(key{"plugin", "10.1.2.3"}, &limits, noon.Unix())
	}
}
