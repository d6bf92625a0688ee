package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// What an upstream may do to a request. After these the answer may be the gateway's (5xx); after broken ones it may also
// break off. Every other one is answered whole.
var (
	stressGood   = []string{"", "", "", "", "slow", "interim", "close after", "surplus", "early", "early close"}
	stressBad    = []string{"reset", "reset read", "close", "partial", "hang"}
	stressBroken = []string{"truncate", "reset body"}
)

// stressPaths are the routes of TestStress for HTTP.
var stressPaths = []string{"/retries0", "/retries5", "/streamed", "/lua", "/lua-streamed", "/response", "/h2", "/h2-streamed"}

// stressReq is one request, and what may become of it.
type stressReq struct {
	tag                             uint32
	method, path, how, lua, framing string
	up, size                        int
	chunked, expect, bad, broken    bool
}

// stresser is what all clients share.
type stresser struct {
	t      *testing.T
	plain  string
	secure string
	until  time.Time
	tags   atomic.Uint32
	// counts of what happened, for the log.
	whole, gateways, exits, cut, left, frames atomic.Int64
	faults                                    atomic.Int64
}

func (s *stresser) fault(q *stressReq, format string, a ...any) {
	if s.faults.Add(1) < 20 {
		s.t.Errorf("%+v: %s", *q, fmt.Sprintf(format, a...))
	}
}

func (s *stresser) request(rnd *rand.Rand) *stressReq {
	sizes := []int{0, 1, 100, 3000, 4095, 4096, 4097, 20_000, 70_000, 300_000}
	q := &stressReq{tag: s.tags.Add(1), path: stressPaths[rnd.IntN(len(stressPaths))], method: []string{"GET", "POST", "PUT", "PUT", "POST", "HEAD"}[rnd.IntN(6)],
		size: sizes[rnd.IntN(len(sizes))], framing: []string{"length", "length", "chunked", "chunked", "close"}[rnd.IntN(5)]}
	if q.method == "PUT" || q.method == "POST" {
		q.up, q.chunked, q.expect = sizes[rnd.IntN(len(sizes))], rnd.IntN(2) == 0, rnd.IntN(8) == 0
	}
	switch n := rnd.IntN(20); {
	case n < 3:
		q.how, q.bad = stressBad[rnd.IntN(len(stressBad))], true
		if q.how == "hang" && (rnd.IntN(4) > 0 || q.path != "/retries0") {
			q.how = "close"
		}
	case n < 5 && q.size > 1:
		q.how, q.bad, q.broken = stressBroken[rnd.IntN(len(stressBroken))], true, true
	default:
		q.how = stressGood[rnd.IntN(len(stressGood))]
	}
	if q.framing == "close" && (q.how == "truncate" || q.how == "surplus") { // they would not show
		q.framing = "chunked"
	}
	if strings.HasPrefix(q.path, "/lua") {
		q.lua = []string{"", "wait", "spin", "body", "exit", "exit late"}[rnd.IntN(6)]
	}
	return q
}

func (q *stressReq) header(h http.Header) {
	for name, v := range map[string]string{"X-Tag": fmt.Sprintf("%08x", q.tag), "X-How": q.how, "X-Lua": q.lua, "X-Framing": q.framing,
		"X-Up": fmt.Sprint(q.up), "X-Size": fmt.Sprint(q.size)} {
		h[name] = []string{v}
	}
}

// head is the request's head and the body as it goes over HTTP/1.1.
func (q *stressReq) wire(rnd *rand.Rand) (head, body []byte) {
	h := http.Header{}
	q.header(h)
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s %s HTTP/1.1\r\nHost: stress\r\n", q.method, q.path)
	_ = h.Write(b)
	if q.expect {
		b.WriteString("Expect: 100-continue\r\n")
	}
	body = stressBody(q.tag, q.up)
	switch {
	case q.method == "GET" || q.method == "HEAD":
	case !q.chunked:
		fmt.Fprintf(b, "Content-Length: %d\r\n", q.up)
	default:
		b.WriteString("Transfer-Encoding: chunked\r\n")
		var out []byte
		for len(body) > 0 {
			n := min(len(body), 1+rnd.IntN(max(q.up/2, 1)))
			out = fmt.Appendf(out, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		body = append(out, "0\r\n\r\n"...)
	}
	return []byte(b.String() + "\r\n"), body
}

// judge looks at an answer: err is what ended its body.
func (s *stresser) judge(q *stressReq, status int, h http.Header, body []byte, err error) {
	whole := stressBody(q.tag, q.size)
	if q.method == "HEAD" {
		whole = nil
	}
	tag := fmt.Sprintf("%08x", q.tag)
	switch {
	case status == 200 && q.path == "/response" && q.broken && h.Get("X-Tag") == "": // the gateway's, as recorded
		s.gateways.Add(1)
	case status == 200 && (h.Get("X-Tag") != tag || strings.HasPrefix(q.path, "/lua") && h.Get("X-Mine") != tag):
		s.fault(q, "the answer to %s (%s)", h.Get("X-Tag"), h.Get("X-Mine"))
	case status == 200 && (len(body) > len(whole) || string(body) != string(whole[:len(body)])):
		s.fault(q, "%d bytes that are not the answer's", len(body))
	case status == 200 && err != nil:
		s.cut.Add(1)
		if !q.broken && !(q.how == "early close" && q.up > 0) {
			s.fault(q, "broke off after %d bytes of %d: %v", len(body), len(whole), err)
		}
	case status == 200:
		s.whole.Add(1)
		if len(body) != len(whole) && !(q.method == "HEAD") {
			s.fault(q, "%d bytes of %d", len(body), len(whole))
		}
	case err != nil:
		s.fault(q, "status %d: %v", status, err)
	case status == 418:
		s.exits.Add(1)
		if !strings.HasPrefix(q.lua, "exit") || q.method != "HEAD" && string(body) != tag {
			s.fault(q, "status 418: %.100q", body)
		}
	case status == 502 || status == 504:
		s.gateways.Add(1)
		// A POST may find its connection closed by an upstream that may have got it, a body that is streamed cannot be sent again.
		if !q.bad && q.method != "POST" && !(q.up > 0 && strings.HasSuffix(q.path, "streamed")) && !strings.HasPrefix(q.how, "early") {
			s.fault(q, "status %d: %.200q", status, body)
		}
	default:
		s.fault(q, "status %d: %.200q", status, body)
	}
}

// dial opens a connection to the gateway, over TLS or not.
func (s *stresser) dial(rnd *rand.Rand) (c net.Conn, tcp *net.TCPConn, err error) {
	secure := rnd.IntN(3) == 0
	addr := s.plain
	if secure {
		addr = s.secure
	}
	if c, err = net.DialTimeout("tcp", addr, 10*time.Second); err != nil {
		return nil, nil, err
	}
	tcp = c.(*net.TCPConn)
	if rnd.IntN(16) == 0 {
		_ = tcp.SetReadBuffer(32 << 10)
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return c, tcp, nil
}

// http1 is one client of HTTP/1.1: it sends up to four requests at once and reads the answers, on connections that it keeps
// or resets.
func (s *stresser) http1(rnd *rand.Rand) {
	for time.Now().Before(s.until) {
		c, tcp, err := s.dial(rnd)
		if err != nil {
			s.t.Error(err)
			return
		}
		var leaving atomic.Bool
		for r := bufio.NewReader(c); time.Now().Before(s.until); {
			batch := make([]*stressReq, 1)
			if rnd.IntN(3) == 0 {
				batch = make([]*stressReq, 1+rnd.IntN(4))
			}
			for i := range batch {
				batch[i] = s.request(rnd)
				batch[i].expect = batch[i].expect && len(batch) == 1
			}
			if rnd.IntN(12) == 0 { // goes away at some point
				time.AfterFunc(time.Duration(rnd.IntN(20_000))*time.Microsecond, func() {
					leaving.Store(true)
					_ = tcp.SetLinger(0)
					_ = tcp.Close()
				})
			}
			if !s.exchange(c, &leaving, r, batch, rnd) {
				break
			}
		}
		_ = c.Close()
	}
}

// exchange sends the requests and reads their answers; false where the connection is not to be used again.
func (s *stresser) exchange(c net.Conn, leaving *atomic.Bool, r *bufio.Reader, batch []*stressReq, rnd *rand.Rand) bool {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	goOn := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	defer wg.Wait()
	defer once.Do(func() { close(goOn) })
	pieces := rand.New(rand.NewPCG(rnd.Uint64(), 1))
	wg.Go(func() {
		for _, q := range batch {
			head, body := q.wire(pieces)
			if q.expect {
				if _, err := c.Write(head); err != nil {
					return
				}
				head = nil
				select {
				case <-goOn:
				case <-time.After(time.Second):
				}
			}
			for out := append(head, body...); len(out) > 0; {
				n := len(out)
				if pieces.IntN(3) == 0 {
					n = 1 + pieces.IntN(n)
					time.Sleep(time.Duration(pieces.IntN(1500)) * time.Microsecond)
				}
				if _, err := c.Write(out[:n]); err != nil {
					return
				}
				out = out[n:]
			}
		}
	})
	slow := rnd.IntN(6) == 0
	for i, q := range batch {
		resp, err := http.ReadResponse(r, &http.Request{Method: q.method})
		for err == nil && resp.StatusCode == 100 {
			once.Do(func() { close(goOn) })
			resp, err = http.ReadResponse(r, &http.Request{Method: q.method})
		}
		if err != nil {
			if !leaving.Load() && !(q.how == "early close" || q.broken) {
				s.fault(q, "no answer (%d of %d): %v", i+1, len(batch), err)
			}
			s.left.Add(1)
			return false
		}
		body, err := readSlowly(resp.Body, slow, rnd)
		if leaving.Load() {
			s.left.Add(1)
			return false
		}
		s.judge(q, resp.StatusCode, resp.Header, body, err)
		if err != nil || resp.Close || (q.up > 0 || q.chunked) && (resp.StatusCode != 200 || strings.HasPrefix(q.how, "early")) {
			return false // an answer to half a request ends the connection
		}
	}
	return true
}

func readSlowly(r io.Reader, slow bool, rnd *rand.Rand) ([]byte, error) {
	if !slow {
		return io.ReadAll(r)
	}
	var all []byte
	b := make([]byte, 8192)
	for {
		n, err := r.Read(b)
		all = append(all, b[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		time.Sleep(time.Duration(rnd.IntN(1000)) * time.Microsecond)
	}
}

// http2 is one of the clients that share a few connections of HTTP/2.
func (s *stresser) http2(client *http.Client, base string, rnd *rand.Rand) {
	for time.Now().Before(s.until) {
		q := s.request(rnd)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		var leaving atomic.Bool
		if rnd.IntN(12) == 0 {
			time.AfterFunc(time.Duration(rnd.IntN(20_000))*time.Microsecond, func() { leaving.Store(true); cancel() })
		}
		req, _ := http.NewRequestWithContext(ctx, q.method, base+q.path, nil)
		if q.method == "PUT" || q.method == "POST" {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(string(stressBody(q.tag, q.up)))), int64(q.up)
			if q.chunked {
				req.ContentLength = -1
			}
		}
		q.header(req.Header)
		resp, err := client.Do(req)
		switch {
		case leaving.Load():
			s.left.Add(1)
		case err != nil:
			if !q.broken {
				s.fault(q, "no answer over HTTP/2: %v", err)
			}
		default:
			body, err := readSlowly(resp.Body, rnd.IntN(6) == 0, rnd)
			if !leaving.Load() {
				s.judge(q, resp.StatusCode, resp.Header, body, err)
			}
		}
		if resp != nil {
			resp.Body.Close()
		}
		cancel()
	}
}

// sockets is one client of WebSockets: messages that name it come back in their order.
func (s *stresser) sockets(path string, rnd *rand.Rand) {
	for time.Now().Before(s.until) {
		conn, err := net.Dial("tcp", s.plain)
		if err != nil {
			s.t.Error(err)
			return
		}
		if err := s.socket(conn, path, rnd); err != nil {
			s.fault(&stressReq{path: path}, "%v", err)
		}
		conn.Close()
	}
}

func (s *stresser) socket(conn net.Conn, path string, rnd *rand.Rand) error {
	c, err := conformance.Dial(conn, "stress", path, "", nil)
	if err != nil {
		return err
	}
	n, tag := 1+rnd.IntN(60), s.tags.Add(1)
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = []int{1, 10, 100, 4000, 4090, 5000, 70_000}[rnd.IntN(7)]
	}
	abrupt := rnd.IntN(5) == 0
	var wg sync.WaitGroup
	defer wg.Wait()
	pieces := rand.New(rand.NewPCG(rnd.Uint64(), 2))
	wg.Go(func() {
		for i, size := range sizes {
			h := websocket.Header{Fin: true, Op: websocket.Binary, Masked: true, Key: [4]byte{1, 2, 3, byte(i)}}
			if _, err := conn.Write(websocket.AppendFrame(nil, h, stressBody(tag+uint32(i)<<24, size))); err != nil {
				return
			}
			if pieces.IntN(3) == 0 {
				time.Sleep(time.Duration(pieces.IntN(1000)) * time.Microsecond)
			}
		}
	})
	for i, size := range sizes {
		m, err := c.Next()
		if err != nil {
			return fmt.Errorf("message %d of %d: %w", i, n, err)
		}
		if string(m.Payload) != string(stressBody(tag+uint32(i)<<24, size)) {
			return fmt.Errorf("message %d of %d, %d bytes, is another one of %d bytes", i, n, size, len(m.Payload))
		}
		s.frames.Add(1)
		if abrupt && i == n/2 {
			_ = conn.(*net.TCPConn).SetLinger(0)
			return conn.Close()
		}
	}
	h := websocket.Header{Fin: true, Op: websocket.Close, Masked: true}
	if _, err := conn.Write(websocket.AppendFrame(nil, h, websocket.AppendClosePayload(nil, 1000, ""))); err != nil {
		return err
	}
	if m, err := c.Next(); err != nil || m.Op != websocket.Close {
		return fmt.Errorf("in place of a close frame: %v, %w", m.Op, errors.Join(err))
	}
	return nil
}
