package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// connectConn is a stream of HTTP/2 made by an extended CONNECT (RFC 8441) that looks like a connection of HTTP/1.1: what is
// written first is the handshake's GET, and what is read first its 101.
type connectConn struct {
	net.Conn
	fr   *http2.Framer
	wmu  sync.Mutex // of fr's writes
	mu   sync.Mutex
	cond *sync.Cond
	head []byte // of the GET, until it is whole
	sent bool
	key  string
	in   bytes.Buffer
	end  error // of what is read
	// window of the stream and of the connection
	window, all int
}

// newConnect begins HTTP/2 on a connection.
func newConnect(t *testing.T, nc net.Conn) *connectConn {
	c := &connectConn{Conn: nc, fr: http2.NewFramer(nc, nc), window: 65535, all: 65535}
	c.cond = sync.NewCond(&c.mu)
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	_ = c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = c.fr.WriteWindowUpdate(0, 1<<30)
	f, err := c.fr.ReadFrame()
	s, ok := f.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("%v %v", f, err)
	}
	if v, ok := s.Value(http2.SettingEnableConnectProtocol); !ok || v != 1 {
		t.Error("no SETTINGS_ENABLE_CONNECT_PROTOCOL")
	}
	_ = c.fr.WriteSettingsAck()
	go c.receive()
	return c
}

func (c *connectConn) receive() {
	for {
		f, err := c.fr.ReadFrame()
		c.mu.Lock()
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			c.answer(f)
		case *http2.DataFrame:
			c.in.Write(f.Data())
			if f.StreamEnded() {
				c.end = io.EOF
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				c.all += int(f.Increment)
			} else {
				c.window += int(f.Increment)
			}
		case *http2.RSTStreamFrame:
			c.end = fmt.Errorf("reset: %v", f.ErrCode)
			if f.ErrCode == http2.ErrCodeNo {
				c.end = io.EOF
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				c.wmu.Lock()
				_ = c.fr.WritePing(true, f.Data)
				c.wmu.Unlock()
			}
		}
		if err != nil && c.end == nil {
			c.end = err
		}
		c.cond.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// answer makes of the head of a 200 the 101 of HTTP/1.1.
func (c *connectConn) answer(f *http2.MetaHeadersFrame) {
	status := f.PseudoValue("status")
	if status == "200" {
		fmt.Fprintf(&c.in, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", websocket.Accept(c.key))
	} else {
		fmt.Fprintf(&c.in, "HTTP/1.1 %s X\r\n", status)
	}
	for _, h := range f.RegularFields() {
		fmt.Fprintf(&c.in, "%s: %s\r\n", h.Name, h.Value)
	}
	c.in.WriteString("\r\n")
	if f.StreamEnded() {
		c.end = io.EOF
	}
}

func (c *connectConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.in.Len() == 0 && c.end == nil {
		c.cond.Wait()
	}
	if c.in.Len() > 0 {
		return c.in.Read(p)
	}
	return 0, c.end
}

func (c *connectConn) Write(p []byte) (int, error) {
	n := len(p)
	if !c.sent {
		c.head = append(c.head, p...)
		_, after, whole := bytes.Cut(c.head, []byte("\r\n\r\n"))
		if !whole {
			return n, nil
		}
		if err := c.connect(); err != nil {
			return 0, err
		}
		p = after
	}
	for len(p) > 0 {
		c.mu.Lock()
		for min(c.window, c.all) == 0 && c.end == nil {
			c.cond.Wait()
		}
		k := min(len(p), c.window, c.all, 16384)
		err := c.end
		c.window, c.all = c.window-k, c.all-k
		c.mu.Unlock()
		if err == io.EOF {
			return n, nil // as a socket takes what the other side drops
		}
		if err != nil {
			return 0, err
		}
		c.wmu.Lock()
		err = c.fr.WriteData(1, false, p[:k])
		c.wmu.Unlock()
		if err != nil {
			return 0, err
		}
		p = p[k:]
	}
	return n, nil
}

// connect sends the head.
func (c *connectConn) connect() error {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.head)))
	if err != nil {
		return err
	}
	c.sent, c.key = true, req.Header.Get("Sec-WebSocket-Key")
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":path", req.URL.RequestURI()}, {":authority", req.Host}} {
		_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	for name, values := range req.Header {
		switch name {
		case "Connection", "Upgrade", "Sec-Websocket-Key":
			continue
		}
		for _, v := range values {
			_ = enc.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: v})
		}
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b.Bytes(), EndHeaders: true})
}

// TestWebSocketOverHTTP2 plays WebSocket cases on streams of HTTP/2: with a Lua plugin that sees frames, by a tunnel of a ws
// service, and by one of an http service.
func TestWebSocketOverHTTP2(t *testing.T) {
	g := startH2(t, socketServices(rawUpstream(t, echoServer)), "KONG_PLUGINS=bundled,frames")
	open := func(t *testing.T, path, extensions string) *conformance.Client {
		nc, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		c, err := conformance.Dial(newConnect(t, nc), g.addr, path, extensions, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, path := range []string{"/seen", "/plain", "/http"} {
		cases := conformance.Cases()
		for i := range cases {
			k := &cases[i]
			if !strings.HasPrefix(k.ID, "1.") && !strings.HasPrefix(k.ID, "5.") && !strings.HasPrefix(k.ID, "7.") && !strings.HasPrefix(k.ID, "9.1") && !strings.HasPrefix(k.ID, "12.1") {
				continue
			}
			size := ""
			if path == "/seen" && strings.HasPrefix(k.ID, "9.") {
				size = "?size=33554432"
			}
			if path != "/seen" && strings.HasPrefix(k.ID, "7.") {
				continue // they end the TCP connection, which a stream does not do
			}
			t.Run(path[1:]+"/"+k.ID, func(t *testing.T) {
				c := open(t, path+size, k.Extensions)
				defer c.Close()
				if err := conformance.Run(c, k); err != nil {
					t.Errorf("%s: %v", k.Name, err)
				}
			})
		}
	}
}
