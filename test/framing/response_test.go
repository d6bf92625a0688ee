package framing

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// ok is an answer whose body says whose it is.
func ok(body string, fields ...string) string {
	all := append([]string{fmt.Sprint("Content-Length: ", len(body))}, fields...)
	return "HTTP/1.1 200 OK\r\n" + strings.Join(all, "\r\n") + "\r\n\r\n" + body
}

const stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"

// What an upstream answers may be no better than what clients send. The client
// gets an answer of its own, or a cut connection, but never an answer that can
// be read two ways, and nobody gets what was left over.
func TestAnswers(t *testing.T) {
	b := newBench(t)
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	for _, one := range []struct {
		name, method, answer string
		close                bool   // the upstream closes behind it
		want                 string // statuses, "…" for a body that is cut off, "" for no answer
		body                 string
	}{
		{"plain", "GET", ok("mine"), false, "200", "mine"},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n", false, "200", "mine"},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nmine", true, "200", "mine"},
		{"until close, whatever it says", "GET", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nmine" + stolen, true, "200", "mine" + stolen},
		// bytes behind the answer
		{"a second answer behind a length", "GET", ok("mine") + stolen, false, "200", "mine"},
		{"a second answer behind chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n" + stolen, false, "200", "mine"},
		{"a second answer behind an empty one", "GET", ok("") + stolen, false, "200", ""},
		{"CR LF behind the answer", "GET", ok("mine") + "\r\n", false, "200", "mine"},
		{"a byte behind the answer", "GET", ok("mine") + "x", false, "200", "mine"},
		{"HEAD with a body", "HEAD", ok("body of a HEAD"), false, "200", ""},
		{"HEAD with an answer as its body", "HEAD", ok(stolen), false, "200", ""},
		{"HEAD with chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n", false, "200", ""},
		{"204 with a body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nhidden" + stolen, false, "204", ""},
		{"204 with chunks", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n", false, "204", ""},
		{"304 with a body", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nhidden" + stolen, false, "304", ""},
		// broken framing
		{"length and chunks", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, "502", ""},
		{"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 60\r\n\r\nabc" + stolen, false, "502", ""},
		{"length no number", "GET", "HTTP/1.1 200 OK\r\nContent-Length: three\r\n\r\nabc", false, "502", ""},
		{"negative length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", false, "502", ""},
		{"huge length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc", false, "502", ""},
		{"unknown coding", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, "502", ""},
		{"two codings", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, "502", ""},
		{"bad head on HEAD, too", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", false, "502", ""},
		{"bad chunk size at once", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", false, "", ""},
		{"bad chunk size later", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", false, "200…", "abc"},
		{"chunk longer than said", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", false, "200…", "ab"},
		{"oversized trailers", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + many(4000, "X: 0123456789\r\n") + "\r\n", false, "200…", "abc"},
		{"bad trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nno colon\r\n\r\n", false, "200…", "abc"},
		{"an early end", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", true, "200…", "abc"},
		{"an early end of chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", true, "200…", "abc"},
		{"no last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, "200…", "abc"},
		{"nothing", "GET", "", true, "502", ""},
		{"half a head", "GET", "HTTP/1.1 200 OK\r\nX: y\r\n", true, "502", ""},
		// response splitting
		{"bare CR in a field", "GET", "HTTP/1.1 200 OK\r\nLocation: /\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", false, "502", ""},
		{"bare LF in a field", "GET", "HTTP/1.1 200 OK\r\nLocation: /\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", false, "502", ""},
		{"bare LFs", "GET", "HTTP/1.1 200 OK\nContent-Length: 4\n\nmine", false, "502", ""},
		{"an empty line of LFs", "GET", "HTTP/1.1 200 OK\r\nX: y\n\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen", false, "502", ""},
		{"NUL in a field", "GET", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", false, "502", ""},
		{"CR in the reason", "GET", "HTTP/1.1 200 OK\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", false, "502", ""},
		{"folded field", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", false, "502", ""},
		{"blank before the colon", "GET", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc", false, "502", ""},
		{"field without a colon", "GET", "HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 3\r\n\r\nabc", false, "502", ""},
		{"line break escaped", "GET", ok("mine", "Location: /%0d%0aSet-Cookie:%20a=b"), false, "200", "mine"},
		{"an endless head", "GET", "HTTP/1.1 200 OK\r\n" + many(50000, "X-Filler: 0123456789\r\n"), false, "502", ""},
		{"an endless field", "GET", "HTTP/1.1 200 OK\r\nX: " + many(300000, "a"), false, "502", ""},
		// interim answers
		{"100 before the answer", "GET", "HTTP/1.1 100 Continue\r\n\r\n" + ok("mine"), false, "200", "mine"},
		{"103 before the answer", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("mine"), false, "200", "mine"},
		{"a length in an interim answer", "GET", "HTTP/1.1 102 Processing\r\nContent-Length: 500\r\n\r\n" + ok("mine"), false, "200", "mine"},
		{"101 that nobody asked for", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw bytes", false, "502", ""},
		{"101, then an answer", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n" + stolen, false, "502", ""},
		{"some interim answers", "GET", many(10, "HTTP/1.1 102 Processing\r\n\r\n") + ok("mine"), false, "200", "mine"},
		{"a flood of them", "GET", many(20000, "HTTP/1.1 102 Processing\r\n\r\n") + ok("mine"), false, "502", ""},
		{"only an interim answer", "GET", "HTTP/1.1 100 Continue\r\n\r\n", true, "502", ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			b.upstream.as(&script{answer: func(s *seen) string {
				if s.target == "/answer" {
					return one.answer
				}
				return ok("GET " + s.target)
			}, close: one.close})
			// The next request on the same client connection must get its own answer.
			got := b.talk(t, one.method+" /answer HTTP/1.1\r\nHost: a\r\n\r\n", "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			answers := got.answers(t, one.method)
			if len(answers) > 0 && answers[len(answers)-1].body == "GET /next" {
				answers = answers[:len(answers)-1]
			} else if one.want != "" && !strings.HasSuffix(one.want, "…") {
				t.Errorf("no answer to the next request: %.2000q", got.text)
			}
			if s := statuses(answers); s != one.want {
				t.Errorf("answered with %q, want %q: %.2000q", s, one.want, got.text)
			}
			if one.want != "502" && len(answers) == 1 && answers[0].body != one.body {
				t.Errorf("the body is %q, want %q", answers[0].body, one.body)
			}
			if !got.closed {
				t.Error("the connection stays open")
			}
			if len(answers) > 0 && answers[0].get("Set-Cookie") != "" {
				t.Errorf("a field was injected: %q", got.text)
			}
		})
	}
	b.sound(t)
}

// Bytes that come behind an answer while its connection is idle are nobody's.
func TestLateSurplus(t *testing.T) {
	b := newBench(t)
	surplus := make(chan struct{})
	b.upstream.as(&script{early: func(c net.Conn, s *seen) bool {
		_, _ = io.WriteString(c, ok("GET "+s.target))
		time.Sleep(5 * time.Millisecond)
		_, _ = io.WriteString(c, stolen)
		surplus <- struct{}{}
		time.Sleep(100 * time.Millisecond)
		return true
	}})
	c := b.dial(t)
	defer c.Close()
	for i := range 10 {
		path := fmt.Sprint("/", i)
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-surplus // it is in the gateway's socket before the next request is
		answers := listen(c, 5*time.Millisecond).answers(t)
		if len(answers) != 1 || answers[0].body != "GET "+path {
			t.Fatalf("request %d was answered with %+v", i, answers)
		}
	}
	b.sound(t)
}

// An endless flood of interim answers ends, and holds nobody else up.
func TestEndlessInterimAnswers(t *testing.T) {
	b := newBench(t)
	ended := make(chan struct{})
	b.upstream.as(&script{early: func(c net.Conn, s *seen) bool {
		if s.target != "/flood" {
			_, _ = io.WriteString(c, ok("GET "+s.target, "Connection: close"))
			return true
		}
		flood := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000)
		for end := time.Now().Add(8 * time.Second); time.Now().Before(end); {
			if _, err := io.WriteString(c, flood); err != nil {
				break
			}
		}
		close(ended)
		return true
	}})
	before := b.memory(t)
	c := b.dial(t)
	defer c.Close()
	start := time.Now()
	_, _ = io.WriteString(c, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	for i := range 5 {
		if got := b.talk(t, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", i)); statuses(got.answers(t)) != "200" {
			t.Errorf("meanwhile: %q", got.text)
		}
	}
	if got := listen(c, 2*time.Second); statuses(got.answers(t)) != "502" {
		t.Errorf("%q", got.text)
	}
	<-ended
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the flood went on for %v", d)
	}
	if grown := b.memory(t) - before; grown > 20<<20 {
		t.Errorf("%d more bytes of memory", grown)
	}
}
