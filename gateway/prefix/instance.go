package prefix

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// ErrRunning means that a gateway runs in the prefix already.
var ErrRunning = errors.New("already running")

// Instance is a process's claim on a prefix: an advisory lock on the pid file,
// which the kernel drops with the process, so that a pid file that a crash has
// left behind deceives nobody.
type Instance struct{ file *os.File }

// Claim takes the prefix for this process and writes its pid file; ErrRunning when another process has it.
func Claim(c *conf.Config) (*Instance, error) {
	path := c.PIDFile()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	for tries := 0; ; {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("could not open the pid file: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			// Running holds the lock for a moment to see whether it is free.
			if tries++; err == syscall.EWOULDBLOCK && tries < 10 {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if err == syscall.EWOULDBLOCK {
				return nil, ErrRunning
			}
			return nil, fmt.Errorf("could not lock the pid file: %w", err)
		}
		// A process that ended meanwhile may have removed the file between the opening and the locking.
		if same, err := sameFile(f, path); err != nil || !same {
			f.Close()
			continue
		}
		if err := f.Truncate(0); err != nil {
			f.Close()
			return nil, err
		}
		if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil {
			f.Close()
			return nil, err
		}
		return &Instance{f}, nil
	}
}

func sameFile(f *os.File, path string) (bool, error) {
	a, err := f.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(a, b), err
}

// Release removes the pid file and gives the prefix up.
func (i *Instance) Release() error {
	err := os.Remove(i.file.Name())
	return errors.Join(err, i.file.Close())
}

// Running is the process id of the gateway in the prefix; 0 = none runs.
func Running(c *conf.Config) int {
	f, err := os.OpenFile(c.PIDFile(), os.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0 // nobody holds it: left behind
	}
	text := make([]byte, 32)
	n, _ := f.Read(text)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}
