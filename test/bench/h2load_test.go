package main

import "testing"

func TestParseH2load(t *testing.T) {
	s, err := parseH2load([]byte(`finished in 2.00s, 20554.50 req/s, 3.29MB/s
requests: 41109 total, 41365 started, 41109 done, 41109 succeeded, 0 failed, 0 errored, 0 timeout
                     min         max         mean         sd        +/- sd
time for request:     1.02ms     60.88ms     12.40ms      3.11ms    80.10%
`))
	if err != nil || s.requests != 41109 || s.rate != 20554.5 || s.p50 != "~12.40ms" || s.problems != "" {
		t.Errorf("%+v %v", s, err)
	}
	if s, err = parseH2load([]byte("finished in 1s, 5.00 req/s\nrequests: 9 total, 9 started, 9 done, 5 succeeded, 4 failed, 0 errored, 0 timeout")); err != nil || s.problems == "" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err = parseH2load([]byte("h2load: could not connect")); err == nil {
		t.Error("no error")
	}
}
