package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// TestWebSocketDrain: a gateway that quits tells both sides of each WebSocket, in whatever way it passes, and ends in
// time; what passes at the moment is not torn.
func TestWebSocketDrain(t *testing.T) {
	const sockets = 7
	closes := make(chan string, sockets)
	up := rawUpstream(t, func(c net.Conn) {
		r := &recorder{Conn: c}
		_ = conformance.Serve(r)
		closes <- lastClose(r.head.Bytes())
	})
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	secure := process.Loopback(ports.Take())
	g := start(t, socketServices(up), "KONG_PLUGINS=bundled,frames", "KONG_PROXY_LISTEN=ADDR http2, "+secure+" ssl http2")
	if err := g.Listening(secure, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	var open []*conformance.Client
	dial := func(nc net.Conn, err error, path string) *conformance.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		c, err := conformance.Dial(nc, g.addr, path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text(t, c, "a")
		wantNext(t, c, "text a")
		open = append(open, c)
		return c
	}
	for _, path := range []string{"/seen", "/plain"} {
		nc, err := net.Dial("tcp", g.addr)
		dial(nc, err, path)
		nc, err = net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		dial(newConnect(t, nc), nil, path)
	}
	nc, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	dial(nc, err, "/seen")
	raw, err := net.Dial("tcp", g.addr)
	half := dial(raw, err, "/plain") // in the middle of a frame
	frame := websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Text, Masked: true}, []byte("in two parts"))
	_, _ = half.Write(frame[:9])
	raw, err = net.Dial("tcp", g.addr)
	silent := dial(raw, err, "/plain") // never answers
	open = open[:len(open)-2]

	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	if err := g.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	answer := func(c *conformance.Client) {
		wantNext(t, c, "close 1001 ")
		_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close, Masked: true}, websocket.AppendClosePayload(nil, 1001, "")))
		if n, err := io.Copy(io.Discard, c); n > 0 || err != nil && err != io.EOF {
			t.Errorf("%d bytes came behind the close frame, %v", n, err)
		}
	}
	for _, c := range open {
		answer(c)
	}
	time.Sleep(100 * time.Millisecond)
	_, _ = half.Write(frame[9:])
	answer(half)
	wantNext(t, silent, "close 1001 ")
	select {
	case <-g.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the gateway does not end")
	}
	if d := time.Since(began); d < 4*time.Second || d > 15*time.Second {
		t.Errorf("ended after %s", d)
	}
	for range sockets {
		select {
		case c := <-closes:
			if c != "close 1001" && c != "text in two parts, close 1001" {
				t.Errorf("an upstream was told %s", c)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("an upstream's connection does not end")
		}
	}
}

// lastClose is what came behind the first message of what an upstream read.
func lastClose(b []byte) string {
	_, b, _ = bytes.Cut(b, []byte("\r\n\r\n"))
	var in websocket.Reader
	in.Limit = 1 << 20
	got, first := "", true
	for len(b) > 0 {
		n, m, ok, err := in.Next(b)
		if b = b[n:]; err != nil {
			return err.Error()
		}
		switch {
		case !ok:
		case m.Op == websocket.Close:
			return got + fmt.Sprintf("close %d", m.Code)
		case first:
			first = false
		default:
			got += fmt.Sprintf("%s %s, ", m.Op, m.Payload)
		}
	}
	return got + "nothing"
}
