package framing

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// upstream is a server that notes what it gets.
type upstream struct {
	addr  string
	tls   string // the same behind TLS
	mu    sync.Mutex
	seen  []*seen
	wrong []string
	do    script
	conns int
}

// script replaces what the upstream does with a request. Each part may be nil.
type script struct {
	// early runs when the head is there and the body is not read; true: nothing
	// else is done with the connection.
	early func(c net.Conn, s *seen) bool
	// answer is the answer to a whole request; "" closes the connection.
	answer func(s *seen) string
	// close ends the connection after the answer.
	close bool
}

// seen is a request as the upstream got it.
type seen struct {
	method, target string
	fields         []string // "Name: value"
	body           string
	chunked        bool
	length         int // of Content-Length, -1 without
	conn           int
}

// String is method, target and body.
func (s *seen) String() string { return strings.TrimSpace(s.method + " " + s.target + " " + s.body) }

// get is the value of a field, "" without one.
func (s *seen) get(name string) string {
	for _, f := range s.fields {
		if n, v, _ := strings.Cut(f, ": "); strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	u := &upstream{addr: ln.Addr().String()}
	go u.accept(ln)
	own := httptest.NewUnstartedServer(nil) // for its certificate
	own.StartTLS()
	t.Cleanup(own.Close)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: own.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { secure.Close() })
	u.tls = secure.Addr().String()
	go u.accept(secure)
	return u
}

func (u *upstream) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns++
		n := u.conns
		u.mu.Unlock()
		go u.serve(c, n)
	}
}

// as sets the script of the requests to come (nil = the usual one) and forgets
// what was seen.
func (u *upstream) as(s *script) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.do = script{}
	if s != nil {
		u.do = *s
	}
	u.seen, u.wrong = nil, nil
}

// got is what was seen since the last as, a line each, and what was wrong with it.
func (u *upstream) got() (requests []string, wrong []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.seen {
		requests = append(requests, s.String())
	}
	return requests, u.wrong
}

// last is the request that was seen last.
func (u *upstream) last(t *testing.T) *seen {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) == 0 {
		t.Fatal("the upstream saw nothing")
	}
	return u.seen[len(u.seen)-1]
}

func (u *upstream) serve(c net.Conn, n int) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	for in := bufio.NewReaderSize(c, 64<<10); ; {
		s, err := readHead(in)
		if ne := net.Error(nil); err == io.EOF || errors.As(err, &ne) {
			return
		}
		s.conn = n
		u.mu.Lock()
		do := u.do
		u.mu.Unlock()
		if err == nil && do.early != nil && do.early(c, s) {
			u.note(s, nil)
			return
		}
		if err == nil {
			err = readBody(in, s)
		}
		u.note(s, err)
		if err != nil {
			return
		}
		text := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(s.body)+len(s.method)+len(s.target)+2) + "\r\n\r\n"
		if s.method != "HEAD" {
			text += s.method + " " + s.target + " " + s.body
		}
		if do.answer != nil {
			text = do.answer(s)
		}
		if _, err := io.WriteString(c, text); err != nil || text == "" || do.close {
			return
		}
	}
}

func (u *upstream) note(s *seen, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, s)
	ne := net.Error(nil)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &ne) {
		u.wrong = append(u.wrong, fmt.Sprintf("%s: %v", s, err))
	}
}

// readHead reads a request head and accepts no liberty.
func readHead(in *bufio.Reader) (*seen, error) {
	s := &seen{length: -1}
	line, err := readLine(in)
	if err != nil {
		return s, err
	}
	part := strings.Split(line, " ")
	if len(part) != 3 || part[2] != "HTTP/1.1" || !strings.HasPrefix(part[1], "/") && part[1] != "*" {
		return s, fmt.Errorf("request line %q", line)
	}
	s.method, s.target = part[0], part[1]
	if strings.ContainsFunc(s.target, func(r rune) bool { return r <= ' ' || r == 127 }) {
		return s, fmt.Errorf("target %q", s.target)
	}
	hosts := 0
	for {
		if line, err = readLine(in); err != nil {
			return s, fmt.Errorf("head: %w", err)
		}
		if line == "" {
			break
		}
		s.fields = append(s.fields, line)
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !tokenRune(r) }) {
			return s, fmt.Errorf("field %q", line)
		}
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "host":
			hosts++
		case "content-length":
			if s.length >= 0 {
				return s, fmt.Errorf("two lengths")
			}
			if s.length, err = strconv.Atoi(value); err != nil || strconv.Itoa(s.length) != value {
				return s, fmt.Errorf("length %q", value)
			}
		case "transfer-encoding":
			if s.chunked || value != "chunked" {
				return s, fmt.Errorf("coding %q", value)
			}
			s.chunked = true
		case "connection":
			if value != "keep-alive" && value != "close" && value != "upgrade" {
				return s, fmt.Errorf("connection %q", value)
			}
		}
	}
	if hosts != 1 || s.chunked && s.length >= 0 {
		return s, fmt.Errorf("%d hosts, chunked %v, length %d", hosts, s.chunked, s.length)
	}
	return s, nil
}

func tokenRune(r rune) bool {
	return r < 127 && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// readLine reads a line that ends with CRLF and has no other control but tab.
func readLine(in *bufio.Reader) (string, error) {
	text, err := in.ReadString('\n')
	if err != nil {
		if text != "" && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	line, ok := strings.CutSuffix(text, "\r\n")
	if !ok || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 127 }) {
		return "", fmt.Errorf("line %q", text)
	}
	return line, nil
}

// readBody reads the body that the head announces.
func readBody(in *bufio.Reader, s *seen) error {
	if !s.chunked {
		b := make([]byte, max(s.length, 0))
		n, err := io.ReadFull(in, b)
		s.body = string(b[:n])
		return eof(err)
	}
	var body strings.Builder
	defer func() { s.body = body.String() }()
	for {
		line, err := readLine(in)
		if err != nil {
			return eof(err)
		}
		n, err := strconv.ParseUint(line, 16, 32)
		if err != nil {
			return fmt.Errorf("chunk size %q", line)
		}
		if _, err := io.CopyN(&body, in, int64(n)); err != nil {
			return eof(err)
		}
		if line, err = readLine(in); err != nil || line != "" {
			return fmt.Errorf("%q behind a chunk, %w", line, eof(err))
		}
		if n == 0 {
			return nil
		}
	}
}

// eof makes every end within a message an unexpected one.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
