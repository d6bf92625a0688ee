package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stressBlock is the unit of stressBody.
const stressBlock = 16

// stressBody is n bytes that name the request they belong to and their place: what is mixed up, lost or doubled shows.
func stressBody(tag uint32, n int) []byte {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, n+stressBlock)
	for at := 0; len(b) < n; at++ {
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, digits[tag>>shift&15])
		}
		for shift := 24; shift >= 0; shift -= 4 {
			b = append(b, digits[at>>shift&15])
		}
		b = append(b, '.')
	}
	return b[:n]
}

// stressed is one HTTP/1.1 upstream that misbehaves as each request asks for, and looks at what comes.
type stressed struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	// done is how often a request was read whole, by its tag.
	done  map[uint32]int
	wrong []string
}

func stressUpstream(t *testing.T) *stressed {
	s := &stressed{t: t, done: map[uint32]int{}}
	s.addr = rawUpstream(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for s.serve(c.(*net.TCPConn), r) {
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		}
	})
	return s
}

func (s *stressed) fault(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong = append(s.wrong, fmt.Sprintf(format, a...)); len(s.wrong) < 20 {
		s.t.Errorf("upstream: "+format, a...)
	}
}

// read reads a request's body and says whether it is there as a whole.
func (s *stressed) read(req *http.Request, tag uint32) bool {
	want, _ := strconv.Atoi(req.Header.Get("X-Up"))
	b, err := io.ReadAll(req.Body)
	switch whole := stressBody(tag, want); {
	case len(b) > want || string(b) != string(whole[:len(b)]):
		s.fault("%08x: %d bytes of %d are not the request's", tag, len(b), want)
	case err == nil && len(b) < want:
		s.fault("%08x: %s ended with %d bytes of %d", tag, req.Method, len(b), want)
	}
	if err != nil {
		return false
	}
	s.mu.Lock()
	s.done[tag]++
	n := s.done[tag]
	s.mu.Unlock()
	if n > 1 && req.Method == "POST" {
		s.fault("%08x: a POST came %d times", tag, n)
	}
	return true
}

// serve answers one request; false ends the connection.
func (s *stressed) serve(c *net.TCPConn, r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		var e net.Error
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &e) {
			s.fault("%v", err)
		}
		return false
	}
	n, _ := strconv.ParseUint(req.Header.Get("X-Tag"), 16, 32)
	tag, how := uint32(n), req.Header.Get("X-How")
	if how == "reset" {
		return s.reset(c)
	}
	if how == "early" || how == "early close" { // an answer before the request was read
		if keep := s.answer(c, req, tag, how); !keep || how == "early close" {
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			return false
		}
		return s.read(req, tag)
	}
	if req.Header.Get("Expect") != "" {
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	if !s.read(req, tag) {
		return false
	}
	switch how {
	case "reset read":
		return s.reset(c)
	case "close":
		return false
	case "partial":
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Tag: some")
		return false
	case "hang":
		time.Sleep(4500 * time.Millisecond)
		return false
	case "interim":
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
	}
	return s.answer(c, req, tag, how)
}

func (s *stressed) reset(c *net.TCPConn) bool {
	_ = c.SetLinger(0)
	return false
}

// answer sends a response with the body that the request wants.
func (s *stressed) answer(c *net.TCPConn, req *http.Request, tag uint32, how string) bool {
	size, _ := strconv.Atoi(req.Header.Get("X-Size"))
	body := stressBody(tag, size)
	out := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nX-Tag: %08x\r\n", tag)
	keep, chunked := true, false
	switch framing := req.Header.Get("X-Framing"); framing {
	case "chunked":
		out, chunked = append(out, "Transfer-Encoding: chunked\r\n\r\n"...), true
	case "close":
		out, keep = append(out, "Connection: close\r\n\r\n"...), false
	default:
		out = fmt.Appendf(out, "Content-Length: %d\r\n\r\n", size)
	}
	if req.Method == "HEAD" {
		_, err := c.Write(out)
		return err == nil && keep && !chunked
	}
	if how == "truncate" || how == "reset body" {
		body = body[:size/2]
	}
	for len(body) > 0 {
		n := len(body)
		if chunked || how == "slow" {
			n = min(n, 1+rand.IntN(max(2*size/3, 1)))
		}
		if chunked {
			out = fmt.Appendf(out, "%x\r\n%s\r\n", n, body[:n])
		} else {
			out = append(out, body[:n]...)
		}
		body = body[n:]
		if how == "slow" || len(out) > 1<<16 && len(body) > 0 {
			if _, err := c.Write(out); err != nil {
				return false
			}
			out = out[:0]
		}
		if how == "slow" {
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
	}
	switch how {
	case "truncate":
		_, _ = c.Write(out)
		return false
	case "reset body":
		_, _ = c.Write(out)
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		return s.reset(c)
	}
	if chunked {
		out = append(out, "0\r\n\r\n"...)
	}
	if how == "surplus" {
		out = append(out, "HTTP/1.1 200 OK\r\nX-Tag: stray\r\nContent-Length: 5\r\n\r\nstray"...)
	}
	if _, err := c.Write(out); err != nil || how == "close after" {
		return false
	}
	if how == "surplus" {
		_, _ = io.Copy(io.Discard, c)
		return false
	}
	return keep
}

// ServeHTTP is the same upstream over HTTP/2.
func (s *stressed) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, _ := strconv.ParseUint(req.Header.Get("X-Tag"), 16, 32)
	size, _ := strconv.Atoi(req.Header.Get("X-Size"))
	tag, how := uint32(n), req.Header.Get("X-How")
	if how == "reset" || !strings.HasPrefix(how, "early") && !s.read(req, tag) {
		panic(http.ErrAbortHandler)
	}
	switch how {
	case "reset read", "close", "partial", "hang":
		panic(http.ErrAbortHandler)
	case "interim":
		w.WriteHeader(http.StatusEarlyHints)
	}
	w.Header().Set("X-Tag", fmt.Sprintf("%08x", tag))
	if req.Header.Get("X-Framing") == "length" {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	body := stressBody(tag, size)
	if how == "truncate" || how == "reset body" {
		_, _ = w.Write(body[:size/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for how == "slow" && len(body) > 0 {
		n := min(len(body), 1+rand.IntN(size))
		_, _ = w.Write(body[:n])
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
	}
	_, _ = w.Write(body)
	if strings.HasPrefix(how, "early") {
		s.read(req, tag)
	}
}
