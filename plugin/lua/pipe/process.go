package pipe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Words of errors that Lua code compares, beside socket.Timeout and socket.Closed.
const (
	Exited  = "exited"
	Aborted = "aborted"
)

// Command is what to run.
type Command struct {
	// Args are the program, looked up on PATH, and its arguments.
	Args []string
	// Env are NAME=value, nil for Environ.
	Env []string
	// Merge sends what the process writes to stderr to its stdout.
	Merge bool
}

// Status is how a process ended: with the exit status Code, or by the signal Code.
type Status struct {
	Signaled bool
	Code     int
}

// Process is a child process. Its methods belong to the loop.
type Process struct {
	// Stdin takes what is written to the process; Stdout and Stderr give what it writes.
	// Stderr is nil when merged.
	Stdin          *Writer
	Stdout, Stderr *Reader

	l       *loop.Loop
	process *os.Process
	ended   bool
	status  Status
	waiter  func()
	onEnd   func()
}

// inherited are the variables that Environ passes on. Settings and secrets of the gateway (KONG_*) are not among them.
var inherited = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}

// Environ is the environment of a process for which none is given.
func Environ() []string {
	var env []string
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Started is a process that no loop has yet.
type Started struct {
	process *os.Process
	fds     [3]int // of the gateway's sides, -1 = none
}

// Start starts c. It may be called from anywhere; Attach gives the process to a loop, Discard ends it.
func Start(c Command) (*Started, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("no program is named")
	}
	for _, a := range append(c.Args, c.Env...) {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, errors.New("arguments must not contain NUL")
		}
	}
	path, err := exec.LookPath(c.Args[0])
	if err != nil {
		var e *exec.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("%s: %w", c.Args[0], err)
	}
	s := &Started{fds: [3]int{-1, -1, -1}}
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			if f != nil {
				_ = f.Close()
			}
		}
	}()
	for i := range theirs {
		if i == 2 && c.Merge {
			continue
		}
		var p [2]int
		if err = unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			s.closeAll()
			return nil, err
		}
		mine, other := p[0], p[1]
		if i == 0 {
			mine, other = p[1], p[0]
		}
		s.fds[i], theirs[i] = mine, os.NewFile(uintptr(other), "pipe")
		_ = unix.SetNonblock(mine, true)
	}
	files := theirs[:]
	if c.Merge {
		files = []*os.File{theirs[0], theirs[1], theirs[1]}
	}
	env := c.Env
	if env == nil {
		env = Environ()
	}
	// A process group of its own: signals of the gateway's terminal are not the child's, and Kill reaches what it started.
	s.process, err = os.StartProcess(path, c.Args, &os.ProcAttr{Env: env, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		s.closeAll()
		var e *os.PathError
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return s, nil
}

func (s *Started) closeAll() {
	for i, fd := range s.fds {
		if fd >= 0 {
			_ = unix.Close(fd)
			s.fds[i] = -1
		}
	}
}

// Discard kills and reaps the process.
func (s *Started) Discard() {
	s.closeAll()
	_ = syscall.Kill(-s.process.Pid, syscall.SIGKILL)
	go func() { _, _ = s.process.Wait() }()
}

// Attach gives the process to l. ended is called on the loop once it has ended.
func (s *Started) Attach(l *loop.Loop, ended func()) (*Process, error) {
	p := &Process{l: l, process: s.process, onEnd: ended, Stdin: &Writer{}, Stdout: &Reader{}}
	if s.fds[2] >= 0 {
		p.Stderr = &Reader{}
	}
	err := p.Stdin.open(l, s.fds[0])
	for i, r := range []*Reader{p.Stdout, p.Stderr} {
		if err == nil && r != nil {
			err = r.open(l, s.fds[i+1])
		}
	}
	if err != nil {
		s.Discard() // its descriptors are closed; those on the loop are forgotten with them
		return nil, err
	}
	go func() {
		state, err := s.process.Wait()
		l.Post(func() { p.reaped(state, err) })
	}()
	return p, nil
}

func (p *Process) reaped(state *os.ProcessState, err error) {
	p.ended = true
	if w, ok := state.Sys().(syscall.WaitStatus); err == nil && ok {
		if p.status = (Status{Code: w.ExitStatus()}); w.Signaled() {
			p.status = Status{Signaled: true, Code: int(w.Signal())}
		}
	}
	if w := p.waiter; w != nil {
		p.waiter = nil
		w()
	}
	p.onEnd()
}

// PID is the number of the process.
func (p *Process) PID() int { return p.process.Pid }

// Ended gives the status once the process has ended.
func (p *Process) Ended() (Status, bool) { return p.status, p.ended }

// Waiting says whether somebody awaits the end.
func (p *Process) Waiting() bool { return p.waiter != nil }

// Await has fn called when the process ends; nil forgets it.
func (p *Process) Await(fn func()) { p.waiter = fn }

// Signal sends a signal: "", or an error text.
func (p *Process) Signal(number int) string {
	if p.ended {
		return Exited
	}
	if number < 0 || number > 64 {
		return "invalid signal"
	}
	err := p.process.Signal(syscall.Signal(number))
	switch {
	case err == nil:
		return ""
	case errors.Is(err, os.ErrProcessDone):
		return Exited
	}
	return err.Error()
}

// Close closes the streams and kills what still runs, the process's own children included.
func (p *Process) Close() {
	p.Stdin.Close(socket.Closed)
	p.Stdout.Close()
	if p.Stderr != nil {
		p.Stderr.Close()
	}
	p.waiter = nil
	if !p.ended && p.process.Signal(syscall.SIGKILL) == nil { // it is not reaped yet, so the number is its own
		_ = syscall.Kill(-p.process.Pid, syscall.SIGKILL)
	}
}
