package tlsconn

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// A FuzzRecords script is a list of two-byte steps: what to do, and how much.
const (
	stepWrite   = iota // the client encrypts so many bytes, times 97
	stepDeliver        // so many bytes of what it encrypted, times 31, reach the session
	stepFlip           // a bit at that place of what did not get there yet changes
	stepInsert         // so many bytes that no client sends come first
	steps
)

// FuzzRecords delivers the records of a client in pieces of any size, changed or not: what is read is what was written as
// far as it was not changed, and an error stays one.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{stepWrite, 200, stepDeliver, 1, stepDeliver, 255}, true)
	f.Add([]byte{stepWrite, 1, stepDeliver, 0, stepFlip, 7, stepDeliver, 255}, false)
	f.Add([]byte{stepInsert, 9, stepDeliver, 255}, true)
	f.Add([]byte{stepWrite, 255, stepWrite, 255, stepDeliver, 3, stepWrite, 0, stepDeliver, 255, stepFlip, 200}, false)
	l, err := loop.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte, tls13 bool) {
		version := uint16(tls.VersionTLS12)
		if tls13 {
			version = tls.VersionTLS13
		}
		s, client := pair(t, l, version)
		var sent, got []byte
		var end error
		changed := false
		deliver := func(n int) {
			n = min(n, len(client.b))
			for n > 0 && end == nil { // no more than the socket takes
				k := min(n, 4<<10)
				if _, err := client.Conn.Write(client.b[:k]); err != nil {
					t.Fatal(err)
				}
				client.b, n = client.b[k:], n-k
				got, end = drain(t, s, got)
			}
		}
		for ; len(script) > 1 && len(sent) < 200<<10; script = script[2:] {
			n := int(script[1])
			switch script[0] % steps {
			case stepWrite:
				p := bytes.Repeat([]byte{byte(len(sent))}, n*97)
				if _, err := client.tls.Write(p); err != nil {
					t.Fatal(err)
				}
				sent = append(sent, p...)
			case stepDeliver:
				deliver(n * 31)
			case stepFlip:
				if n < len(client.b) {
					client.b[n] ^= 1 << (n % 8)
					changed = true
				}
			case stepInsert:
				client.b = append(bytes.Repeat([]byte{byte(n)}, n), client.b...)
				changed = changed || n > 0
			}
		}
		_ = client.tls.CloseWrite()
		_ = client.Conn.SetDeadline(time.Time{}) // CloseWrite ended it
		deliver(len(client.b))
		if !bytes.HasPrefix(sent, got) {
			t.Fatal("what is read was not written")
		}
		if !changed && (len(got) != len(sent) || end != io.EOF) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(sent), end)
		}
		if end != nil {
			if _, err := s.Read(make([]byte, 10)); err == nil || err == loop.ErrAgain {
				t.Fatalf("%v behind %v", err, end)
			}
		}
	})
}

// pair shakes hands over a socket pair; what the client sends from then on is gathered.
func pair(t *testing.T, l *loop.Loop, version uint16) (*Session, *fuzzClient) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	server, config := configs(t, version)
	made := make(chan *Session, 1)
	Server(fds[0], server, Options{Timeout: 5 * time.Second}, func(s *Session, err error) {
		if err != nil {
			t.Error(err)
		}
		made <- s
	})
	file := os.NewFile(uintptr(fds[1]), "client")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	c := &fuzzClient{gatherer: gatherer{Conn: conn}}
	c.tls = tls.Client(&c.gatherer, config)
	if err := c.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.on = true
	s := <-made
	if s == nil {
		t.FailNow()
	}
	sock := &loop.Conn{}
	if err := sock.Open(l, fds[0], nobody{}); err != nil {
		t.Fatal(err)
	}
	s.Attach(sock)
	t.Cleanup(func() { sock.Close(); conn.Close() })
	return s, c
}

type fuzzClient struct {
	gatherer
	tls *tls.Conn
}

// nobody takes events, which no loop runs to bring.
type nobody struct{}

func (nobody) Ready(loop.Events) {}

// drain reads until there is nothing, or the end.
func drain(t *testing.T, s *Session, got []byte) ([]byte, error) {
	s.t.c.Note(loop.Readable)
	b := make([]byte, 4<<10)
	for {
		n, err := s.Read(b)
		got = append(got, b[:n]...)
		switch {
		case err == loop.ErrAgain:
			return got, nil
		case err != nil:
			if n != 0 {
				t.Fatal("bytes together with an error")
			}
			return got, err
		}
	}
}
