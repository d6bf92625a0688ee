package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in ([\d.]+)(s|m)`)
	wrkP50      = regexp.MustCompile(`(?m)^\s+50%\s+(\S+)`)
	wrkP99      = regexp.MustCompile(`(?m)^\s+99%\s+(\S+)`)
	wrkProblems = regexp.MustCompile(`Socket errors.*|Non-2xx.*`)
)

// wrk loads an engine for a window from one thread on a core.
func (b *bench) wrk(r *running, l load, core int, window time.Duration) (sample, error) {
	args := []string{"-c", strconv.Itoa(core), "wrk", "-t1", "-c", strconv.Itoa(l.connections),
		"-d", fmt.Sprintf("%ds", max(1, int(window.Seconds()))), "--latency"}
	if r.header != "" {
		args = append(args, "-H", r.header)
	}
	if l.post > 0 {
		script := filepath.Join(b.dir, "post.lua")
		text := fmt.Sprintf("wrk.method = 'POST'\nwrk.body = string.rep('x', %d)\nwrk.headers['Content-Type'] = 'application/octet-stream'\n", l.post)
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			return sample{}, err
		}
		args = append(args, "-s", script)
	}
	scheme := "http://"
	if l.tls {
		scheme = "https://"
	}
	out, err := exec.Command("taskset", append(args, scheme+process.Loopback(r.port)+l.path)...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	return parseWrk(out)
}

// parseWrk reads what wrk prints with --latency.
func parseWrk(out []byte) (sample, error) {
	m := wrkRequests.FindSubmatch(out)
	if m == nil {
		return sample{}, fmt.Errorf("wrk said:\n%s", out)
	}
	s := sample{problems: string(wrkProblems.Find(out))}
	s.requests, _ = strconv.Atoi(string(m[1]))
	if s.requests == 0 {
		return sample{}, fmt.Errorf("no request was answered:\n%s", out)
	}
	seconds, _ := strconv.ParseFloat(string(m[2]), 64)
	if string(m[3]) == "m" {
		seconds *= 60
	}
	s.rate = float64(s.requests) / seconds
	if p := wrkP50.FindSubmatch(out); p != nil {
		s.p50 = string(p[1])
	}
	if p := wrkP99.FindSubmatch(out); p != nil {
		s.p99 = string(p[1])
	}
	return s, nil
}
