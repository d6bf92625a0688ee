package tlsconn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// echo writes back what it read.
func echo(t testing.TB) func(e *end, b []byte) { return func(e *end, b []byte) { e.write(t, b) } }

func TestEcho(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			server, client := configs(t, version)
			l := runLoop(t)
			states := make(chan tls.ConnectionState, 1)
			addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) {
				if err != nil {
					t.Error(err)
					return
				}
				states <- s.State
				e.answer = echo(t)
			})
			c, err := tls.Dial("tcp", addr, client)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for range 50 {
				if _, err := c.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 5)
				if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
					t.Fatalf("%q, %v", b, err)
				}
			}
			if s := <-states; s.ServerName != "a.test" || s.NegotiatedProtocol != "http/1.1" || s.Version != version || !s.HandshakeComplete {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Megabytes go both ways at once, and the client reads slowly.
func TestBigTransfers(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			server, client := configs(t, version)
			l := runLoop(t)
			var backlog int
			addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) {
				if err != nil {
					t.Error(err)
					return
				}
				e.answer = func(e *end, b []byte) {
					e.write(t, b)
					backlog = max(backlog, e.Pending())
				}
			})
			c, err := tls.Dial("tcp", addr, client)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			const size = 8 << 20
			data := make([]byte, size)
			_, _ = rand.Read(data)
			go func() {
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 100_001)
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			}()
			sum, n := sha256.New(), 0
			b := make([]byte, 64<<10)
			for n < size {
				k, err := c.Read(b)
				if err != nil {
					t.Fatalf("after %d: %v", n, err)
				}
				sum.Write(b[:k])
				if n += k; n%7 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			if !bytes.Equal(sum.Sum(nil), hash(data)) {
				t.Error("other bytes came back")
			}
			stop := make(chan struct{})
			l.Post(func() {
				if backlog > 1<<20 {
					t.Errorf("%d bytes waited for the client", backlog)
				}
				close(stop)
			})
			<-stop
		})
	}
}

func hash(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// One big write becomes many records, in order, whatever the kernel takes.
func TestOneBigWrite(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) {
		e.write(t, []byte("small"))
		e.write(t, data)
		e.write(t, []byte("last"))
		if err := e.Layer.CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	c, err := tls.Dial("tcp", addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, append(append([]byte("small"), data...), "last"...)) {
		t.Errorf("%d bytes of %d, %v", len(got), len(data)+9, err)
	}
}

// The last bytes, close_notify and the socket's end come in one piece: nothing
// is lost, and the end is a proper one.
func TestCloseNotify(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			server, client := configs(t, version)
			l := runLoop(t)
			var got []byte
			ends := make(chan *end, 1)
			addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) {
				e.answer = func(e *end, b []byte) { got = append(got, b...) }
				ends <- e
			})
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			gather := &gatherer{Conn: raw}
			c := tls.Client(gather, client)
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			e := <-ends
			gather.on = true
			_, _ = c.Write([]byte("the last "))
			_, _ = c.Write([]byte("words"))
			_ = c.CloseWrite()
			_ = raw.SetWriteDeadline(time.Time{}) // CloseWrite leaves one that is over
			if _, err := raw.Write(gather.b); err != nil {
				t.Fatal(err)
			}
			within(t, "the end", e.done)
			if string(got) != "the last words" || e.err != io.EOF {
				t.Errorf("%q, %v", got, e.err)
			}
			raw.Close()
		})
	}
}

// gatherer holds writes back once it is on.
type gatherer struct {
	net.Conn
	on bool
	b  []byte
}

func (g *gatherer) Write(p []byte) (int, error) {
	if g.on {
		g.b = append(g.b, p...)
		return len(p), nil
	}
	return g.Conn.Write(p)
}

// An end within a record is an error. One between records is the end of the
// data, with or without close_notify: many peers never send it.
func TestTruncated(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	ends := make(chan *end, 1)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) { ends <- e })
	for _, cut := range []int{0, 1, 7} {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		gather := &gatherer{Conn: raw}
		c := tls.Client(gather, client)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		e := <-ends
		gather.on = true
		_, _ = c.Write([]byte("some data"))
		_, _ = raw.Write(gather.b[:len(gather.b)-cut])
		raw.Close()
		within(t, "the end", e.done)
		if e.err == nil || (e.err == io.EOF) != (cut == 0) {
			t.Errorf("cut by %d: %v", cut, e.err)
		}
	}
}

// The peer changes its keys, and asks for ours to change (RFC 8446 section
// 4.6.3). crypto/tls never does that by itself; openssl can be told to.
func TestKeyUpdate(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	server, _ := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) {
		if err != nil {
			t.Error(err)
			return
		}
		e.answer = func(e *end, b []byte) {
			if b != nil {
				e.write(t, append([]byte("echo of "), b...))
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", addr, "-servername", "a.test", "-tls1_3")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	cmd.Stderr = &notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	say := func(line, answer string) {
		_, _ = io.WriteString(in, line+"\n")
		for lines.Scan() {
			if lines.Text() == answer {
				return
			}
		}
		t.Fatalf("no answer to %q: %v", line, lines.Err())
	}
	say("first", "echo of first")
	for i := range 3 {
		_, _ = io.WriteString(in, "K\n") // both sides' keys
		time.Sleep(50 * time.Millisecond)
		say(fmt.Sprint("after ", i), fmt.Sprint("echo of after ", i))
		_, _ = io.WriteString(in, "k\n") // only its own
		time.Sleep(50 * time.Millisecond)
		say(fmt.Sprint("and ", i), fmt.Sprint("echo of and ", i))
	}
	in.Close()
	_ = cmd.Wait()
	if n := strings.Count(notes.String(), "KEYUPDATE"); n != 6 {
		t.Errorf("openssl made %d updates:\n%s", n, &notes)
	}
}

// A record that arrives a byte at a time, and two that arrive as one.
func TestSplitRecords(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) { e.answer = echo(t) })
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	gather := &gatherer{Conn: raw}
	c := tls.Client(gather, client)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	gather.on = true
	_, _ = c.Write([]byte("one "))
	for i := range gather.b {
		_, _ = raw.Write(gather.b[i : i+1])
		time.Sleep(500 * time.Microsecond)
	}
	gather.b = nil
	_, _ = c.Write([]byte("two "))
	_, _ = c.Write([]byte("three"))
	k := len(gather.b) - 3
	_, _ = raw.Write(gather.b[:k])
	time.Sleep(5 * time.Millisecond)
	_, _ = raw.Write(gather.b[k:])
	b := make([]byte, 13)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "one two three" {
		t.Errorf("%q, %v", b, err)
	}
}
