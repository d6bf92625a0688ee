package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running engine or upstream with all its children.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// start runs a command pinned to a core (-1: wherever) and waits until it listens on the port.
func (b *bench) start(name string, core, port int, env []string, command ...string) (*process, error) {
	if core >= 0 {
		command = append([]string{"taskset", "-c", strconv.Itoa(core)}, command...)
	}
	p := &process{name: name, done: make(chan struct{}), log: filepath.Join(b.dir, name+".out")}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b.procs = append(b.procs, p)
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address(port))
		if err == nil {
			c.Close()
			return p, nil
		}
		if p.ended() {
			break
		}
	}
	said, _ := os.ReadFile(p.log)
	return nil, fmt.Errorf("%s does not listen on port %d:\n%s", name, port, said)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) stop() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePort hands out ports below the ephemeral range, so that no outgoing connection sits on one.
func (b *bench) freePort() int {
	for {
		b.port++
		if ln, err := net.Listen("tcp", address(b.port)); err == nil {
			ln.Close()
			return b.port
		}
	}
}

// pids are the process and all its descendants.
func (p *process) pids() []int {
	all := []int{p.cmd.Process.Pid}
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
func (p *process) cpu() (user, system time.Duration) {
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
func (p *process) rss() (total int64) {
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
