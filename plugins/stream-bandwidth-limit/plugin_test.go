package streambandwidthlimit

import (
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

// TestBucket plays a greedy sender against a clock of its own.
func TestBucket(t *testing.T) {
	for _, tc := range []struct{ rate, burst int64 }{{1000, 100}, {1 << 20, 1 << 16}, {10, 1}, {1 << 30, 1 << 20}} {
		b := newBucket(tc.rate, tc.burst)
		now, moved := time.Now().UnixNano(), int64(0)
		const span = 10 * int64(time.Second)
		for end := now + span; now < end; {
			n, wait := b.allow(1<<20, now)
			if n > int(tc.burst) || n == 0 && wait <= 0 {
				t.Fatalf("rate %d: allowed %d, wait %v", tc.rate, n, wait)
			}
			b.take(n, now)
			moved += int64(n)
			now += int64(wait) + 1000
		}
		want := tc.rate*10 + tc.burst
		if moved > want+1 || moved < want*98/100-1 {
			t.Errorf("rate %d, burst %d: %d bytes in 10 s, want %d", tc.rate, tc.burst, moved, want)
		}
	}
}

func TestWhoShares(t *testing.T) {
	for by, want := range map[string]struct{ same, other bool }{"session": {}, "client": {same: true}, "all": {true, true}} {
		h := pdktest.Handler(t, config, plugin.Of(newHandler), conf{"download": 1000.0, "limit_by": by}).(*handler)
		meter := func(from string) pdk.StreamMeter {
			e := pdktest.New(t, "GET /")
			e.X.RemoteAddr, _ = e.X.PutString(from)
			e.Stream = &pdk.Stream{Protocol: "TCP"}
			if err := h.Preread(e.Kong); err != nil || len(e.Stream.Meters()) != 1 {
				t.Fatal(err)
			}
			return e.Stream.Meters()[0]
		}
		a := meter("10.0.0.1")
		if n, _ := a.Allow(pdk.Upload, 1<<20); n != 1<<20 {
			t.Errorf("%s: an upload without a limit is held to %d", by, n)
		}
		if n, _ := a.Allow(pdk.Download, 1<<20); n != 65536 {
			t.Errorf("%s: the first download may be %d", by, n)
		}
		a.Moved(pdk.Download, 65536)
		for from, shared := range map[string]bool{"10.0.0.1": want.same, "10.0.0.2": want.other} {
			n, wait := meter(from).Allow(pdk.Download, 1000)
			if (n == 0) != shared || (wait > 0) != shared {
				t.Errorf("%s, %s: allowed %d, wait %v", by, from, n, wait)
			}
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (at least one of these fields must be non-empty: 'config.upload', 'config.download')": {},
		"schema violation (config.upload: value should be between 1 and 1099511627776)":                         {"upload": 0.0},
		"schema violation (config.limit_by: expected one of: session, client, all)":                             {"upload": 1.0, "limit_by": "route"},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}
