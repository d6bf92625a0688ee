package process

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running command.
type Process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{}
}

// output gathers what the process prints while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Start runs a command in dir ("" for the caller's) with more environment: the caller's own, less every setting of a gateway,
// and env.
func Start(dir string, env []string, command ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(cleanEnviron(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	// A group of its own, so that all of it can be ended, and gone when the test binary is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// cleanEnviron is the caller's environment without settings of a gateway.
func cleanEnviron() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KONG_") && !strings.HasPrefix(e, "GIBBON_") {
			env = append(env, e)
		}
	}
	return env
}

// Listening waits until the process takes connections on a TCP address. A process that ends before, or takes longer than
// limit, is an error with what it printed.
func (p *Process) Listening(addr string, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond); err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("ended with exit status %d:\n%s", p.ExitStatus(), p.Output())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on %s after %v:\n%s", addr, limit, p.Output())
}

// PID is the process's id, and its group's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process alone, not to its group.
func (p *Process) Signal(s syscall.Signal) error { return syscall.Kill(p.PID(), s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// HasEnded says whether the process has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ExitStatus waits for the end and gives the exit status, -1 after a signal.
func (p *Process) ExitStatus() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Output is what the process has printed so far, both streams.
func (p *Process) Output() string { return p.out.String() }

// Stop asks the group to end, ends it after three seconds, and returns when it is gone.
func (p *Process) Stop() {
	group := -p.PID()
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(group, syscall.SIGKILL) // what is left of the group
	<-p.done
}

// Build compiles a main package of this module into dir and gives the binary's path.
func Build(dir, pkg string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	build := exec.Command("go", "build", "-o", path, pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}
