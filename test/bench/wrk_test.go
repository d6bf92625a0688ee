package main

import "testing"

func TestParseWrk(t *testing.T) {
	const out = `Running 2s test @ http://127.0.0.1:17002/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.61ms    1.20ms  20.03ms   91.02%
  Latency Distribution
     50%    3.40ms
     99%    9.81ms
  36000 requests in 2.00s, 8.13MB read
  Non-2xx or 3xx responses: 7
Requests/sec:  18000.00
`
	s, err := parseWrk([]byte(out))
	want := sample{requests: 36000, rate: 18000, p50: "3.40ms", p99: "9.81ms", problems: "Non-2xx or 3xx responses: 7"}
	if err != nil || s != want {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, bad := range []string{"", "unable to connect", "  0 requests in 2.00s, 0B read"} {
		if _, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestMedian(t *testing.T) {
	of := func(s sample) float64 { return s.cpu }
	for want, v := range map[float64][]sample{2: {{cpu: 3}, {cpu: 1}, {cpu: 2}}, 1.5: {{cpu: 2}, {cpu: 1}}} {
		if got := median(v, of); got != want {
			t.Errorf("median %v, want %v", got, want)
		}
	}
}
