package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// server is a running engine or upstream with all its children.
type server struct{ *process.Process }

// start runs a command pinned to a core (-1: wherever) and waits until it listens on the port.
func (b *bench) start(name string, core, port int, env []string, command ...string) (*server, error) {
	if core >= 0 {
		command = append([]string{"taskset", "-c", strconv.Itoa(core)}, command...)
	}
	p, err := process.Start("", env, command...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b.servers = append(b.servers, &server{p})
	if err := p.Listening(process.Loopback(port), 20*time.Second); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &server{p}, nil
}

// pids are the process and all its descendants.
func (p *server) pids() []int {
	all := []int{p.PID()}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, t := range tasks {
			b, _ := os.ReadFile(t)
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all
}

// Fields of /proc/PID/stat after the command's name, and the length of a tick (USER_HZ, 100 on every Linux that Go runs on).
const (
	statUser   = 11
	statSystem = 12
	tick       = 10 * time.Millisecond
)

// cpu is the user and system time of all threads so far.
func (p *server) cpu() (user, system time.Duration) {
	for _, pid := range p.pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		u, _ := strconv.Atoi(f[statUser])
		s, _ := strconv.Atoi(f[statSystem])
		user += time.Duration(u) * tick
		system += time.Duration(s) * tick
	}
	return user, system
}

// rss is the resident memory of all processes in bytes; pages that they share count for each.
func (p *server) rss() (total int64) {
	for _, pid := range p.pids() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.SplitSeq(string(b), "\n") {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				total += kb << 10
			}
		}
	}
	return total
}
