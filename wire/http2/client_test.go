package http2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fetcher is a client's handler for tests: it makes our Conn a RoundTripper.
type fetcher struct {
	w       *wire
	cond    *sync.Cond // changed
	interim int
}

type call struct {
	req     *http.Request
	body    []byte // to send
	trailer http.Header
	res     *http.Response
	got     bytes.Buffer
	err     error
	reset   *Reset
	done    chan struct{}
	sent    int
}

// fetchWire makes a client on nc.
func fetchWire(nc net.Conn, o *Options) *fetcher {
	w := newWire(nc)
	f := &fetcher{w: w, cond: sync.NewCond(&w.mu)}
	w.c = NewClient(w, f, NewPool(), o)
	w.do(w.c.Start)
	w.run()
	return f
}

func (f *fetcher) Wake(*Conn)    { f.w.woken = true }
func (f *fetcher) Changed(*Conn) { f.cond.Broadcast() }

func (f *fetcher) Head(s *Stream, h *Head) {
	c := s.User.(*call)
	if h.Status < 200 {
		f.interim++
		return
	}
	c.res = &http.Response{StatusCode: h.Status, Status: strconv.Itoa(h.Status), Header: header(h), ProtoMajor: 2, Request: c.req}
	if h.End {
		f.Readable(s)
	}
}

func header(h *Head) http.Header {
	m := http.Header{}
	for _, f := range h.Fields {
		m.Add(string(h.Buf[f.Name.Off:f.Name.Off+uint32(f.Name.Len)]), string(h.Text(f.Value)))
	}
	return m
}

func (f *fetcher) Readable(s *Stream) {
	c := s.User.(*call)
	b := s.Buffered()
	c.got.Write(b)
	s.Consume(len(b))
	if s.Ended() {
		if t := s.Trailer(); t != nil {
			c.res.Trailer = header(t)
		}
		f.finish(s, nil)
	}
}

func (f *fetcher) Writable(s *Stream) { f.send(s) }

func (f *fetcher) Reset(s *Stream, r *Reset) {
	s.User.(*call).reset = r
	f.finish(s, r)
}

func (f *fetcher) finish(s *Stream, err error) {
	c := s.User.(*call)
	c.err = err
	close(c.done)
	s.Close()
}

func (f *fetcher) send(s *Stream) {
	c := s.User.(*call)
	last := len(c.trailer) == 0
	n, err := s.Write(c.body[c.sent:], last)
	c.sent += n
	if err != nil || c.sent < len(c.body) || last {
		return
	}
	w := s.Begin()
	for k, v := range c.trailer {
		for _, v := range v {
			w.Field(strings.ToLower(k), v)
		}
	}
	_ = w.Send(true)
}

// begin sends a request; it waits for a free stream.
func (f *fetcher) begin(req *http.Request) (*call, error) {
	c := &call{req: req, trailer: req.Trailer, done: make(chan struct{})}
	if req.Body != nil {
		c.body, _ = io.ReadAll(req.Body)
	}
	var err error
	f.w.do(func() {
		// x/net's server ends the connection (PROTOCOL_ERROR) when the trailers of a
		// stream that it refused are still on their way, which RFC 9113 section 5.1
		// has it ignore: requests with trailers wait until its limit is known.
		for len(c.trailer) > 0 && f.w.c.Usable() {
			if _, known := f.w.c.Limit(); known {
				break
			}
			f.cond.Wait()
		}
		s := f.w.c.Open()
		for s == nil {
			if !f.w.c.Usable() {
				err = errors.New("connection is not usable")
				return
			}
			f.cond.Wait()
			s = f.w.c.Open()
		}
		s.User = c
		w := s.Begin()
		w.Request(req.Method, "http", req.URL.Host, req.URL.RequestURI())
		for k, v := range req.Header {
			for _, v := range v {
				w.Field(strings.ToLower(k), v)
			}
		}
		for k := range c.trailer {
			w.Field("trailer", k) // x/net drops what was not announced
		}
		if req.ContentLength > 0 {
			w.Field("content-length", fmt.Sprint(req.ContentLength))
		}
		end := len(c.body) == 0 && len(c.trailer) == 0
		if err = w.Send(end); err != nil {
			s.Close()
			return
		}
		if !end {
			f.send(s)
		}
	})
	return c, err
}

// RoundTrip implements http.RoundTripper.
func (f *fetcher) RoundTrip(req *http.Request) (*http.Response, error) {
	c, err := f.begin(req)
	if err != nil {
		return nil, err
	}
	<-c.done
	if c.reset != nil && c.reset.Unprocessed {
		req.Body = io.NopCloser(bytes.NewReader(c.body))
		return f.RoundTrip(req)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.res.Body = io.NopCloser(&c.got)
	return c.res, nil
}

// xecho is the echo as a net/http handler.
func xecho(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Path", r.URL.Path)
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-H") {
			w.Header()[k] = v
		}
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); r.Method == "GET" && err == nil {
		for n > 0 {
			k, _ := w.Write(letters[:min(n, len(letters))])
			n -= k
		}
		return
	}
	w.WriteHeader(200)
	_, _ = io.Copy(w, r.Body)
	for k, v := range r.Trailer {
		w.Header()[http.TrailerPrefix+k] = v
	}
}

// TestClientAgainstXNet has our client talk to x/net's server.
func TestClientAgainstXNet(t *testing.T) {
	for _, kind := range []string{"pipe", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			a, b := net.Pipe()
			if kind == "tcp" {
				a, b = tcpPair(t)
			}
			srv := &http.Server{
				Handler: http.HandlerFunc(xecho), Protocols: onlyHTTP2(), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 10},
			}
			l := oneConn{b, make(chan struct{})}
			go func() { _ = srv.Serve(&l) }()
			defer close(l.end)
			f := fetchWire(a, Options{}.Defaulted())
			exchanges(t, &http.Client{Transport: f}, "http://x", count(300), 30)
			f.w.do(f.w.c.Drain)
			<-f.w.done
			if f.w.c.Held() != 0 || f.w.c.Err() != ErrDone {
				t.Errorf("%d streams held, %v", f.w.c.Held(), f.w.c.Err())
			}
		})
	}
}

// TestOwnAgainstOwn has our client talk to our server on a loop.
func TestOwnAgainstOwn(t *testing.T) {
	s := newLoopServer(t, Options{MaxStreams: 8}.Defaulted(), nil)
	nc, err := net.Dial("tcp", s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	f := fetchWire(nc, Options{}.Defaulted())
	exchanges(t, &http.Client{Transport: f}, "http://x", count(600), 60)
	f.w.do(f.w.c.Drain)
	<-f.w.done
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	net.Conn
	end chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.Conn; c != nil {
		l.Conn = nil
		return c, nil
	}
	<-l.end
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func tcpPair(t *testing.T) (a, b net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}
