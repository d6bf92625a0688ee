package balancer

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

func TestHashInputs(t *testing.T) {
	u := func(on, fallback string) entity.Upstream {
		return entity.Upstream{
			Algorithm: "consistent-hashing", HashOn: on, HashFallback: fallback,
			HashOnHeader: "h", HashFallbackHeader: "fh", HashOnCookie: "sid", HashOnCookiePath: "/b",
			HashOnQueryArg: "q", HashFallbackQueryArg: "fq", HashOnURICapture: "c", HashFallbackURICapture: "fc",
		}
	}
	tests := []struct {
		name string
		u    entity.Upstream
		a, b values
		same bool // whether a and b have one key
	}{
		{"consumer", u("consumer", "none"), values{"consumer": {"1"}}, values{"consumer": {"2"}}, false},
		{"ip", u("ip", "none"), values{"ip": {"::1"}}, values{"ip": {"::1"}, "path": {"/"}}, true},
		{"header", u("header", "none"), values{"header h": {"v"}}, values{"header h": {"v"}, "header fh": {"x"}}, true},
		{"header values keep their order", u("header", "none"), values{"header h": {"a", "b"}}, values{"header h": {"b", "a"}}, false},
		{"header values count all", u("header", "none"), values{"header h": {"a", "b"}}, values{"header h": {"a"}}, false},
		{"nothing to hash", u("header", "none"), values{"path": {"/1"}}, values{"path": {"/2"}}, true},
		{"empty is missing", u("header", "ip"), values{"header h": {""}, "ip": {"1"}}, values{"ip": {"1"}}, true},
		{"fallback", u("header", "header"), values{"header fh": {"1"}}, values{"header fh": {"2"}}, false},
		{"no fallback when there is a value", u("consumer", "header"), values{"consumer": {"1"}, "header fh": {"1"}}, values{"consumer": {"1"}}, true},
		{"query argument in any order", u("query_arg", "none"), values{"query q": {"1", "2"}}, values{"query q": {"2", "1"}}, true},
		{"fallback query argument", u("query_arg", "query_arg"), values{"query fq": {"1"}}, values{"query fq": {"2"}}, false},
		{"path", u("path", "none"), values{"path": {"/1"}}, values{"path": {"/2"}}, false},
		{"capture", u("uri_capture", "none"), values{"capture c": {"1"}}, values{"capture c": {"1"}}, true},
		{"fallback capture", u("ip", "uri_capture"), values{"capture fc": {"1"}}, values{"capture fc": {"2"}}, false},
		{"cookie", u("cookie", "none"), values{"cookie sid": {"1"}}, values{"cookie sid": {"1"}}, true},
		{"fallback cookie", u("header", "cookie"), values{"cookie sid": {"1"}}, values{"cookie sid": {"2"}}, false},
		{"hash_on none", u("none", "none"), values{"ip": {"1"}}, values{"ip": {"2"}}, true},
	}
	for _, tt := range tests {
		h := newHashing(&tt.u)
		var a, b Tries
		if got := h.key(tt.a, &a) == h.key(tt.b, &b); got != tt.same {
			t.Errorf("%s: same key %v", tt.name, got)
		}
		if a.SetCookie+b.SetCookie != "" {
			t.Errorf("%s: a cookie was made", tt.name)
		}
	}
}

func TestCookieIsMade(t *testing.T) {
	u := entity.Upstream{Algorithm: "consistent-hashing", HashOn: "cookie", HashOnCookie: "sid", HashOnCookiePath: "/b"}
	b := newBench(t, "").open(u, nil, "1.1.1.1:1", "2.2.2.2:2", "3.3.3.3:3")
	form := regexp.MustCompile(`^sid=([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}); Path=/b; Same-Site=Lax; HttpOnly$`)
	for range 10 {
		var tries Tries
		first, _ := b.Pick(values{}, &tries)
		m := form.FindStringSubmatch(tries.SetCookie)
		if m == nil {
			t.Fatalf("got %q", tries.SetCookie)
		}
		// The next request brings the cookie and meets the same target.
		var next Tries
		second, _ := b.Pick(values{"cookie sid": {m[1]}}, &next)
		if second != first || next.SetCookie != "" {
			t.Errorf("got %v then %v, cookie %q", first.Addr, second.Addr, next.SetCookie)
		}
		// Another try of the same request makes no other cookie.
		before := tries.SetCookie
		b.Pick(values{}, &tries)
		if tries.SetCookie != before {
			t.Error("a retry made another cookie")
		}
	}
}

func TestRingSpreads(t *testing.T) {
	for _, slots := range []int{10, 1000, 10000, 65536} {
		b := newBench(t, "").open(entity.Upstream{Algorithm: "consistent-hashing", HashOn: "path", Slots: slots}, nil, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3 200", "127.0.0.1:4 0")
		got := map[string]int{}
		for i := range 4000 {
			got[picks(b, 1, values{"path": {fmt.Sprintf("/b/%d", i)}})]++
		}
		if slots >= 1000 {
			for addr, want := range map[string]int{"127.0.0.1:1": 1000, "127.0.0.1:2": 1000, "127.0.0.1:3": 2000} {
				if d := got[addr] - want; d > 200 || d < -200 {
					t.Errorf("%d slots: %v", slots, got)
				}
			}
		}
		if got["127.0.0.1:4"] != 0 {
			t.Errorf("a target of weight 0 got requests: %v", got)
		}
	}
}

// Keys stay where they are when a target comes or goes, and on every node.
func TestRingIsConsistent(t *testing.T) {
	bench := newBench(t, "")
	u := entity.Upstream{Algorithm: "consistent-hashing", HashOn: "path"}
	all := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"}
	where := func(list []string) []string {
		b := bench.open(u, nil, list...)
		defer b.Close()
		got := make([]string, 2000)
		for i := range got {
			got[i] = picks(b, 1, values{"path": {fmt.Sprint(i)}})
		}
		return got
	}
	four, three, again := where(all), where(all[:3]), where([]string{all[3], all[1], all[0], all[2]})
	moved := 0
	for i := range four {
		if four[i] != again[i] {
			t.Fatalf("key %d depends on the order of targets", i)
		}
		if four[i] != three[i] {
			moved++
		}
	}
	if moved < 400 || moved > 700 { // a quarter is 500
		t.Errorf("%d of 2000 keys moved", moved)
	}
	if four[0] == four[1] && four[1] == four[2] && four[2] == four[3] && strings.HasSuffix(four[0], four[4]) {
		t.Error("all keys are at one target")
	}
}

// While a target is down its keys go elsewhere, all others stay; then they are back.
func TestRingAndHealth(t *testing.T) {
	b := newBench(t, "").open(entity.Upstream{Algorithm: "consistent-hashing", HashOn: "path"}, nil, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
	where := func() (got [300]string) {
		for i := range got {
			got[i] = picks(b, 1, values{"path": {fmt.Sprint(i)}})
		}
		return got
	}
	before := where()
	b.SetHealth("t1", zeroAddr, false)
	down := where()
	b.SetHealth("t1", zeroAddr, true)
	if where() != before {
		t.Error("keys did not come back")
	}
	elsewhere := map[string]bool{}
	for i := range before {
		if before[i] != "127.0.0.1:2" && down[i] != before[i] {
			t.Fatalf("key %d moved from %s to %s", i, before[i], down[i])
		}
		if before[i] == "127.0.0.1:2" {
			elsewhere[down[i]] = true
		}
	}
	if len(elsewhere) != 2 {
		t.Errorf("the keys of the target that is down all went to %v", elsewhere)
	}
}
