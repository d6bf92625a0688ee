package framing

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func (b *bench) dialTLS(t *testing.T) net.Conn {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := tls.DialWithDialer(&d, "tcp", b.tls, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The same over TLS on both sides, where a read may leave bytes in the session
// that no edge will tell of.
func TestOverTLS(t *testing.T) {
	b := newBench(t)
	text := "POST /secure/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n" +
		"GET /secure/stream/2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /secure/stream/3 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz" +
		"GET /plain/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	want := []string{"POST /secure/1 abc", "GET /secure/stream/2", "POST /secure/stream/3 xyz", "GET /plain/4"}
	for at := 0; at < len(text); at += 11 {
		b.upstream.as(nil)
		c := b.dialTLS(t)
		_, _ = io.WriteString(c, text[:at])
		time.Sleep(5 * time.Millisecond)
		_, _ = io.WriteString(c, text[at:])
		got := listen(c, quiet)
		c.Close()
		if s := statuses(got.answers(t)); s != "200 200 200 200" || !got.closed || got.reset {
			t.Fatalf("cut at %d: closed %v, reset %v, %q", at, got.closed, got.reset, got.text)
		}
		if seen, wrong := b.upstream.got(); !slices.Equal(seen, want) || len(wrong) > 0 {
			t.Fatalf("cut at %d: the upstream got %q, %q", at, seen, wrong)
		}
	}
}

func TestBigOverTLS(t *testing.T) {
	b := newBench(t, "KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE=0")
	const size = 24 << 20
	long := strings.Repeat("0123456789abcdef", size/16)
	sum := sha256.Sum256([]byte(long))
	for _, path := range []string{"/secure", "/secure/stream", "/stream"} {
		for name, body := range map[string]string{"length": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, long), "chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, long)} {
			t.Run(path+" "+name, func(t *testing.T) {
				b.upstream.as(&script{answer: func(s *seen) string {
					if sha256.Sum256([]byte(s.body)) != sum {
						return ok("other bytes came")
					}
					return ok(long)
				}})
				before, peak := b.memory(t), 0
				c := b.dialTLS(t)
				defer c.Close()
				go func() {
					_, _ = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+body)
				}()
				time.Sleep(700 * time.Millisecond) // nobody reads the answer
				peak = b.memory(t)
				got := listen(c, 8*time.Second)
				answers := got.answers(t)
				if len(answers) != 1 || !answers[0].whole || sha256.Sum256([]byte(answers[0].body)) != sum || got.reset {
					t.Errorf("%d bytes came, reset %v: %.300q", len(got.text), got.reset, got.text)
				}
				if grown := peak - before; grown > 20<<20 {
					t.Errorf("%d more bytes of memory", grown)
				}
			})
		}
	}
	b.sound(t)
}

// Clients that leave within TLS leave nothing behind, neither do handshakes
// that never end.
func TestLeavingTLS(t *testing.T) {
	b := newBench(t, "KONG_NGINX_HTTP_CLIENT_HEADER_TIMEOUT=1s")
	b.sound(t)
	before := b.sockets(t)
	for i := range 60 {
		b.upstream.as(nil)
		switch i % 6 {
		case 0: // in the middle of a handshake
			c, err := net.Dial("tcp", b.tls)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00")
			if i%12 == 0 {
				c.Close()
			} else {
				defer c.Close()
			}
		case 1: // no TLS at all
			c, err := net.Dial("tcp", b.tls)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			c.Close()
		default:
			c := b.dialTLS(t)
			_, _ = io.WriteString(c, []string{"GET /", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "POST /secure HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"}[i%6-2])
			if i%2 == 0 {
				_ = c.(*tls.Conn).NetConn().Close() // without a word
			} else {
				c.Close()
			}
		}
	}
	b.sound(t)
	for end := time.Now().Add(8 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if n := b.sockets(t); n <= before+3 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d sockets, were %d", n, before)
		}
	}
}
