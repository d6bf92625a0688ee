package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

var (
	h2loadRate     = regexp.MustCompile(`finished in [^,]+, ([\d.]+) req/s`)
	h2loadRequests = regexp.MustCompile(`(\d+) succeeded, (\d+) failed, (\d+) errored`)
	h2loadMean     = regexp.MustCompile(`time for request:\s+\S+\s+\S+\s+(\S+)`)
)

// h2load is wrk for HTTP/2 in the clear: streams at a time on each connection.
func (b *bench) h2load(r *running, l load, core int, window time.Duration) (sample, error) {
	args := []string{"-c", strconv.Itoa(core), "h2load", "-t1", "-c", strconv.Itoa(l.connections), "-m", strconv.Itoa(l.streams),
		"-D", strconv.Itoa(max(1, int(window.Seconds()))), "http://" + process.Loopback(r.port) + l.path}
	out, err := exec.Command("taskset", args...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("h2load: %w\n%s", err, out)
	}
	return parseH2load(out)
}

// parseH2load reads what h2load prints. It has no percentiles: p50 is the mean.
func parseH2load(out []byte) (sample, error) {
	n, rate := h2loadRequests.FindSubmatch(out), h2loadRate.FindSubmatch(out)
	if n == nil || rate == nil {
		return sample{}, fmt.Errorf("h2load said:\n%s", out)
	}
	var s sample
	s.requests, _ = strconv.Atoi(string(n[1]))
	if s.requests == 0 {
		return sample{}, fmt.Errorf("no request was answered:\n%s", out)
	}
	if string(n[2]) != "0" || string(n[3]) != "0" {
		s.problems = string(n[0])
	}
	s.rate, _ = strconv.ParseFloat(string(rate[1]), 64)
	if m := h2loadMean.FindSubmatch(out); m != nil {
		s.p50 = "~" + string(m[1])
	}
	return s, nil
}
