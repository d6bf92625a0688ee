package framing

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Requests that come one behind the other are answered in order, each with its
// own answer, whatever became of the one before.
func TestPipelining(t *testing.T) {
	b := newBench(t)
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	send := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	for _, one := range []struct {
		name, text string
		statuses   string
		seen       []string
		closed     bool
	}{
		{"three", get("/1") + get("/2") + get("/3"), "200 200 200", []string{"GET /1", "GET /2", "GET /3"}, false},
		{"bodies between", send("/1", "abc") + get("/2") + send("/3", hidden) + get("/4"), "200 200 200 200", []string{"POST /1 abc", "GET /2", "POST /3 " + strings.TrimSpace(hidden), "GET /4"}, false},
		{"chunks between", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/2"), "200 200", []string{"POST /1 abc", "GET /2"}, false},
		{"streamed bodies between", send("/stream/1", "abc") + get("/stream/2") + send("/stream/3", hidden) + get("/4"), "200 200 200 200",
			[]string{"POST /stream/1 abc", "GET /stream/2", "POST /stream/3 " + strings.TrimSpace(hidden), "GET /4"}, false},
		{"streamed chunks between", "POST /stream/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/2"), "200 200", []string{"POST /stream/1 abc", "GET /2"}, false},
		{"behind an own answer", get("/closed") + get("/2"), "426 200", []string{"GET /2"}, false},
		{"behind an own answer to a body", send("/closed", hidden) + get("/2"), "426 200", []string{"GET /2"}, false},
		{"behind an own answer to chunks", "POST /closed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden) + get("/2"), "426 200", []string{"GET /2"}, false},
		{"behind an own answer to bad chunks", "POST /closed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden, "426", nil, true},
		{"behind half a body and an own answer", "POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + hidden, "426", nil, true},
		{"behind close", "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/2"), "200", []string{"GET /1"}, true},
		{"behind HTTP/1.0", "GET /1 HTTP/1.0\r\nHost: a\r\n\r\n" + get("/2"), "200", []string{"GET /1"}, true},
		{"behind HTTP/1.0 that goes on", "GET /1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + get("/2"), "200 200", []string{"GET /1", "GET /2"}, false},
		{"behind a bad request", get("/1") + "GET /2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + get("/3"), "200 400", []string{"GET /1"}, true},
		{"behind a bad line", get("/1") + "nonsense\r\n" + get("/3"), "200 400", []string{"GET /1"}, true},
		{"behind bad chunks", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get("/2"), "400", nil, true},
		{"behind an Expect without its body", "POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" + get("/2"), "100 200 200", []string{"POST /1 abc", "GET /2"}, false},
		{"one hundred", strings.Repeat(get("/1"), 100), strings.TrimSpace(strings.Repeat("200 ", 100)), slices.Repeat([]string{"GET /1"}, 100), false},
	} {
		t.Run(one.name, func(t *testing.T) {
			b.upstream.as(nil)
			got := b.talk(t, one.text)
			if s := statuses(got.answers(t)); s != one.statuses || got.closed != one.closed {
				t.Errorf("answered with %q, closed %v: %.3000q", s, got.closed, got.text)
			}
			if seen, wrong := b.upstream.got(); !slices.Equal(seen, one.seen) || len(wrong) > 0 {
				t.Errorf("the upstream got %q, %q", seen, wrong)
			}
		})
	}
	b.sound(t)
}

// An upstream answers before it has the whole body. What is still to come of
// the body is no request, and the answer reaches the client.
func TestEarlyAnswer(t *testing.T) {
	b := newBench(t)
	body := strings.Repeat(hidden, 20000/len(hidden)+1)
	for _, one := range []struct {
		name, path, answer string
		close              bool
	}{
		{"and stays open", "/stream/up", ok("early"), false},
		{"and closes", "/stream/up", ok("early"), true},
		{"and says that it closes", "/stream/up", ok("early", "Connection: close"), true},
		{"with an error", "/stream/up", "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly", true},
		{"before a collected body", "/up", "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly", true},
		{"with chunks", "/stream/up", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\n\r\n", false},
		{"until close", "/stream/up", "HTTP/1.0 200 OK\r\n\r\nearly", true},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", one.name, chunked), func(t *testing.T) {
				b.upstream.as(&script{early: func(c net.Conn, s *seen) bool {
					if s.target != one.path {
						return false
					}
					_, _ = io.WriteString(c, one.answer)
					if !one.close {
						time.Sleep(300 * time.Millisecond) // without reading
					}
					return true
				}})
				head, text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", one.path, len(body)), body
				if chunked {
					head = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", one.path)
					text = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				}
				half := len(text) / 2
				got := b.talk(t, head+text[:100], text[100:half], text[half:], "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
				answers := got.answers(t)
				if len(answers) == 0 || !strings.HasSuffix(answers[0].body, "early") && answers[0].status != 502 {
					t.Errorf("answered with %.1000q", got.text)
				}
				for _, a := range answers[min(1, len(answers)):] {
					if a.body != "GET /next " {
						t.Errorf("then %+v", a)
					}
				}
				seen, wrong := b.upstream.got()
				for _, s := range seen {
					if s != "POST "+one.path && s != "GET /next" {
						t.Errorf("the upstream got %q", s)
					}
				}
				if len(wrong) > 0 {
					t.Errorf("the upstream: %q", wrong)
				}
			})
		}
	}
	b.sound(t)
}

// An answer that comes before the gateway has read all there is must not be
// lost in a reset, whatever the client does with its own side.
func TestAnswerSurvives(t *testing.T) {
	b := newBench(t)
	junk := strings.Repeat(hidden, 300000/len(hidden))
	for _, one := range []struct{ name, text, want string }{
		{"bad head", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + junk, "400"},
		{"bad line", "nonsense\r\n" + junk, "400"},
		{"bad chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + junk, "400"},
		{"version", "GET / HTTP/3.0\r\n\r\n" + junk, "505"},
		{"own answer to a body that is not read", fmt.Sprintf("POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(junk)*10, junk), "426"},
		{"close with more behind", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + junk, "200"},
	} {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, half close %v", one.name, half), func(t *testing.T) {
				b.upstream.as(nil)
				c := b.dial(t).(*net.TCPConn)
				defer c.Close()
				_, _ = io.WriteString(c, one.text)
				if half {
					_ = c.CloseWrite()
				}
				time.Sleep(20 * time.Millisecond)
				got := listen(c, quiet)
				if s := statuses(got.answers(t)); s != one.want || got.reset {
					t.Errorf("%s, reset %v: %q", s, got.reset, got.text)
				}
				if !got.closed {
					t.Error("the connection stays open")
				}
			})
		}
	}
	b.sound(t)
}

// A client that sends a whole long body before it reads finds the answer, too.
func TestAnswerSurvivesALongBody(t *testing.T) {
	b := newBench(t)
	c := b.dial(t).(*net.TCPConn)
	defer c.Close()
	body := make([]byte, 32<<20)
	if _, err := fmt.Fprintf(c, "POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(body); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	got := listen(c, quiet)
	if s := statuses(got.answers(t)); s != "426" || got.reset || !got.closed {
		t.Errorf("%s, reset %v, closed %v", s, got.reset, got.closed)
	}
	b.sound(t)
}

// Tiny chunks cost no more than their bytes: neither a call of the kernel each,
// nor a move of all that is behind them.
func TestTinyChunks(t *testing.T) {
	b := newBench(t)
	n := 200000
	text := strings.Repeat("1\r\nx\r\n", n) + "0\r\n\r\n"
	for _, path := range []string{"/up", "/stream/up"} {
		b.upstream.as(&script{answer: func(*seen) string { return ok("done") }})
		before := b.cpu(t)
		got := b.talk(t, "POST "+path+" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"+text)
		if s := statuses(got.answers(t)); s != "200" || len(b.upstream.last(t).body) != n {
			t.Errorf("%s: %q", path, got.text)
		}
		if used := b.cpu(t) - before; used > 400*time.Millisecond {
			t.Errorf("%s: %v of the processor for %d chunks", path, used, n)
		}
	}
}

// A client that closes its side, wholly or half, at any point leaves nothing
// behind, and nothing of it goes on.
func TestClientsThatLeave(t *testing.T) {
	b := newBench(t)
	b.sound(t)
	before := b.sockets(t)
	for _, one := range []struct{ name, text string }{
		{"at once", ""},
		{"within a request line", "GET /a"},
		{"within a head", "GET /a HTTP/1.1\r\nHost:"},
		{"within a body", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"},
		{"within a streamed body", "POST /stream/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"},
		{"within chunks", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
		{"within streamed chunks", "POST /stream/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
		{"before the answer", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"before the answer, with more behind", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET"},
		{"within an answer", "GET /long HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"within a streamed answer", "GET /stream/long HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		for _, how := range []string{"closes", "closes at once", "closes half", "resets"} {
			t.Run(how+" "+one.name, func(t *testing.T) {
				b.upstream.as(&script{answer: func(s *seen) string {
					if s.target == "/slow" {
						time.Sleep(200 * time.Millisecond)
					}
					if strings.HasSuffix(s.target, "/long") {
						return ok(strings.Repeat("x", 8<<20))
					}
					return ok("")
				}})
				c := b.dial(t).(*net.TCPConn)
				_, _ = io.WriteString(c, one.text)
				if how != "closes at once" {
					time.Sleep(30 * time.Millisecond)
				}
				switch how {
				case "closes half":
					_ = c.CloseWrite()
					if got := listen(c, 700*time.Millisecond); !got.closed {
						t.Errorf("the connection stays open: %.200q", got.text)
					}
				case "resets":
					_ = c.SetLinger(0)
				}
				c.Close()
				if _, wrong := b.upstream.got(); len(wrong) > 0 {
					t.Errorf("the upstream: %q", wrong)
				}
			})
		}
	}
	b.sound(t)
	for end := time.Now().Add(8 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		// Pooled connections to the upstream may stay.
		if n := b.sockets(t); n <= before+3 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d sockets, were %d", n, before)
		}
	}
}

// A slow client gets all of a long answer, which is not kept in memory for it.
func TestSlowReader(t *testing.T) {
	b := newBench(t)
	const size = 64 << 20
	long := strings.Repeat("0123456789abcdef", size/16)
	sum := sha256.Sum256([]byte(long))
	for _, path := range []string{"/long", "/stream/long"} {
		for _, answer := range []string{ok(long), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, long)} {
			b.upstream.as(&script{answer: func(*seen) string { return answer }})
			before := b.memory(t)
			c := b.dial(t)
			_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			time.Sleep(500 * time.Millisecond) // the upstream sends what it can
			if grown := b.memory(t) - before; grown > 16<<20 {
				t.Errorf("%s: %d more bytes of memory for a client that does not read", path, grown)
			}
			got := listen(c, 5*time.Second)
			c.Close()
			answers := got.answers(t)
			if len(answers) != 1 || !answers[0].whole || sha256.Sum256([]byte(answers[0].body)) != sum {
				t.Errorf("%s: %d bytes came", path, len(got.text))
			}
		}
	}
}

// A slow upstream gets all of a long body. A streamed one is not kept in memory.
func TestSlowUpstream(t *testing.T) {
	b := newBench(t, "KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE=0")
	const size = 48 << 20
	long := strings.Repeat("0123456789abcdef", size/16)
	for _, path := range []string{"/stream/up", "/up"} {
		for name, text := range map[string]string{"length": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, long), "chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, long)} {
			before := b.memory(t)
			grown := 0
			b.upstream.as(&script{early: func(c net.Conn, s *seen) bool {
				time.Sleep(400 * time.Millisecond)
				grown = b.memory(t) - before
				return false
			}})
			c := b.dial(t)
			go func() { _, _ = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+text) }()
			got := listen(c, 8*time.Second)
			c.Close()
			answers := got.answers(t)
			if len(answers) != 1 || answers[0].body != "POST "+path+" "+long {
				t.Errorf("%s, %s: %d bytes came back: %.500q", path, name, len(got.text), got.text)
			}
			if grown > 16<<20 {
				t.Errorf("%s, %s: %d more bytes of memory for an upstream that does not read", path, name, grown)
			}
		}
	}
	b.sound(t)
}

// Clients that take their time over a head or a body are cut off.
func TestSlowloris(t *testing.T) {
	b := newBench(t, "KONG_NGINX_HTTP_CLIENT_HEADER_TIMEOUT=1s", "KONG_NGINX_HTTP_CLIENT_BODY_TIMEOUT=1s", "KONG_NGINX_HTTP_KEEPALIVE_TIMEOUT=1s")
	for _, one := range []struct {
		name, first, drip string
		closed            bool
	}{
		{"nothing at all", "", "", true},
		{"half a head", "GET / HTTP/1.1\r\nHost: a\r\n", "", true},
		{"a dripping head", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", true},
		{"dripping empty lines", "", "\r\n", true},
		{"half a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "", true},
		{"half a streamed body", "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "", true},
		{"idle after a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", true},
		{"a dripping body goes on", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "x", false},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			c := b.dial(t)
			defer c.Close()
			_, _ = io.WriteString(c, one.first)
			stop := make(chan struct{})
			defer close(stop)
			if one.drip != "" {
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(200 * time.Millisecond):
							_, _ = io.WriteString(c, one.drip)
						}
					}
				}()
			}
			start := time.Now()
			got := listen(c, 3*time.Second)
			if got.closed != one.closed {
				t.Errorf("after %v: closed %v, %q", time.Since(start), got.closed, got.text)
			}
		})
	}
}

// Heads as large as the settings allow, though larger than any read buffer.
func TestLargeHeads(t *testing.T) {
	b := newBench(t, "KONG_NGINX_HTTP_LARGE_CLIENT_HEADER_BUFFERS=8 32k", "KONG_NGINX_HTTP_PROXY_BUFFER_SIZE=200k", "KONG_NGINX_HTTP_PROXY_BUFFERS=8 200k", "KONG_NGINX_HTTP_PROXY_BUSY_BUFFERS_SIZE=200k")
	for _, n := range []int{1, 2, 3, 6} {
		field := strings.Repeat("v", 30000)
		var request, answer string
		for i := range n {
			request += fmt.Sprintf("X-%d: %s\r\n", i, field)
			answer += fmt.Sprintf("Y-%d: %s\r\n", i, field)
		}
		b.upstream.as(&script{answer: func(*seen) string { return "HTTP/1.1 200 OK\r\n" + answer + "Content-Length: 0\r\n\r\n" }})
		got := b.talk(t, "GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+request+"\r\n")
		answers := got.answers(t)
		if len(answers) != 1 || answers[0].status != 200 || answers[0].get(fmt.Sprint("Y-", n-1)) != field {
			t.Errorf("%d fields of 30 kB: %.300q", n, got.text)
			continue
		}
		if s := b.upstream.last(t); s.get(fmt.Sprint("X-", n-1)) != field {
			t.Errorf("%d fields of 30 kB: not all reached the upstream", n)
		}
	}
	big := strings.Repeat("X: "+strings.Repeat("v", 30000)+"\r\n", 12)
	if got := b.talk(t, "GET /p HTTP/1.1\r\nHost: a\r\n"+big+"\r\n"); statuses(got.answers(t)) != "400" || !got.closed {
		t.Errorf("a head over the limit: %.300q", got.text)
	}
	b.sound(t)
}

// Without descriptors left the gateway waits for better times, and does so
// quietly.
func TestNoDescriptors(t *testing.T) {
	b := newBench(t)
	b.sound(t)
	var was unix.Rlimit
	if err := unix.Prlimit(b.PID(), unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Skip(err)
	}
	few := unix.Rlimit{Cur: uint64(b.descriptors(t) + 4), Max: was.Max}
	if err := unix.Prlimit(b.PID(), unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Skip(err)
	}
	var all []net.Conn
	for range 30 {
		all = append(all, b.dial(t))
	}
	before := b.cpu(t)
	time.Sleep(1500 * time.Millisecond)
	if used := b.cpu(t) - before; used > 300*time.Millisecond {
		t.Errorf("%v of the processor while nothing can be accepted", used)
	}
	for _, c := range all {
		c.Close()
	}
	if err := unix.Prlimit(b.PID(), unix.RLIMIT_NOFILE, &was, nil); err != nil {
		t.Fatal(err)
	}
	b.sound(t)
	if n := strings.Count(b.log(), "accept() on"); n == 0 || n > 20 {
		t.Errorf("%d lines in the log about it", n)
	}
}
