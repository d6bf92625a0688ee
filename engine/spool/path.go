package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// temporary makes a file in dir that has no name: it vanishes with its
// descriptor, whatever becomes of the process.
func temporary(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), filepath.Join(dir, "body")), nil
	case !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR):
		return nil, &os.PathError{Op: "create a file in", Path: dir, Err: err}
	}
	f, err := os.CreateTemp(dir, "body-") // a file system that does not know files without a name
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

var names atomic.Uint64

// Path is a name under which the body can be opened, by other processes too,
// until the Reset of s, which removes it; "" for a body that is in memory.
// Whoever moves the file away keeps it.
func (s *Spool) Path() string {
	if s.file == nil || s.name != "" {
		return s.name
	}
	dir := s.opt.Dir
	if dir == "" {
		dir = os.TempDir()
	}
	open := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd())
	name := filepath.Join(dir, fmt.Sprintf("body-%d-%d", os.Getpid(), names.Add(1)))
	if err := unix.Linkat(unix.AT_FDCWD, open, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return open // no name can be had, but the descriptor's
	}
	s.name = name
	return name
}

// unname removes the name that Path made.
func (s *Spool) unname() {
	if s.name != "" {
		_ = os.Remove(s.name) // unless it was moved away
		s.name = ""
	}
}
