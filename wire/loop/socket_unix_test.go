package loop

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := ListenUnix(path, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, %v: everybody may connect", info.Mode(), err)
	}
	if _, err := ListenUnix(path, ListenOptions{}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	conn, peer, err := Accept(fd)
	if err != nil || peer.IsValid() {
		t.Fatalf("peer %v, %v", peer, err)
	}
	unix.Close(conn)
	unix.Close(fd) // and the path stays, as after a crash
	if fd, err = ListenUnix(path, ListenOptions{}); err != nil {
		t.Fatalf("a socket that was left: %v", err)
	}
	unix.Close(fd)

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(file, ListenOptions{}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "kept" {
		t.Error("the file is gone")
	}
}
