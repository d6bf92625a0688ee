package loop

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ListenUnix opens a non-blocking stream socket at path that everybody may
// connect to, as nginx's are. A socket that a process left there and nobody
// listens on any more is replaced; whatever else has the path is an error.
func ListenUnix(path string, o ListenOptions) (int, error) {
	sa := &unix.SockaddrUnix{Name: path}
	if err := clearSocket(path, sa); err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, sa); err == nil {
		if err = os.Chmod(path, 0o666); err == nil {
			err = unix.Listen(fd, o.backlog())
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// clearSocket removes a socket that nobody listens on.
func clearSocket(path string, sa unix.Sockaddr) error {
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, sa); err != unix.ECONNREFUSED {
		return fmt.Errorf("another process listens there: %w", unix.EADDRINUSE)
	}
	return os.Remove(path)
}
