package proxy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// framed is a Go plugin that sets every frame to a copy of what it sees, and
// counts; what it counts without a lock shows that its connection's frames
// come one at a time.
type framed struct {
	frames, closes *atomic.Int64
}

type seen struct{ n int }

func (h *framed) WSHandshake(k *pdk.Kong) error {
	k.Ctx.SetShared("seen", &seen{})
	return k.WebSocket.Client.SetMaxPayloadSize(pdk.MaxFramePayload)
}

func (h *framed) note(k *pdk.Kong) {
	k.Ctx.Shared("seen").(*seen).n++
	h.frames.Add(1)
}

func (h *framed) WSClientFrame(k *pdk.Kong, f pdk.Frame) error {
	h.note(k)
	if string(f.Data) == "slow" {
		time.Sleep(20 * time.Millisecond)
	}
	return k.WebSocket.Client.SetFrameData(bytes.Clone(f.Data))
}

func (h *framed) WSUpstreamFrame(k *pdk.Kong, f pdk.Frame) error {
	h.note(k)
	return k.WebSocket.Upstream.SetFrameData(bytes.Clone(f.Data))
}

func (h *framed) WSClose(*pdk.Kong) error {
	h.closes.Add(1)
	return nil
}

// newBare serves /job with a plugin that runs in goroutines, /inline with one on
// the loop, and /none without; all go to the echo server at up.
func newBare(t testing.TB, up net.Addr, frames, closes *atomic.Int64) *bare {
	t.Helper()
	enabled := map[string]*plugin.Plugin{}
	for _, name := range []string{"job", "inline"} {
		p := &plugin.Plugin{Name: name, Priority: 1, Config: &schema.Schema{Name: name, Fields: []schema.Field{
			schema.ProtocolsWebSocket, {Name: "config", Type: schema.Record, Fields: []schema.Field{}}}},
			New: func(map[string]any) (plugin.Handler, error) { return &framed{frames, closes}, nil }}
		p.Phases = plugin.PhasesOf(&framed{})
		if name == "inline" {
			p.Inline = p.Phases
		}
		enabled[name] = p
	}
	return serveBare(t, enabled, func(insert insertFunc) {
		service := insert("services", map[string]any{"url": "ws://" + up.String()})
		for _, name := range []string{"job", "inline", "none"} {
			route := insert("routes", map[string]any{"protocols": []any{"ws"}, "paths": []any{"/" + name}, "service": service})
			if enabled[name] != nil {
				insert("plugins", map[string]any{"name": name, "route": route, "config": map[string]any{}})
			}
		}
	})
}

// echoes is an echo server.
func echoes(t testing.TB) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conformance.Serve(conn) }()
		}
	}()
	return l.Addr()
}

func (b *bare) dial(t testing.TB, path, extensions string) *conformance.Client {
	t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := conformance.Dial(conn, b.addr, path, extensions, nil)
	if err != nil {
		conn.Close()
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

// descriptors counts the process's open files.
func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// TestWebSocketGoPlugins plays the cases with Go plugins, on the loop and in goroutines.
func TestWebSocketGoPlugins(t *testing.T) {
	var frames, closes atomic.Int64
	b := newBare(t, echoes(t), &frames, &closes)
	for _, path := range []string{"/job", "/inline"} {
		cases := conformance.Cases()
		for i := range cases {
			k := &cases[i]
			if strings.HasPrefix(k.ID, "9.") && testing.Short() {
				continue
			}
			t.Run(path[1:]+"/"+k.ID, func(t *testing.T) {
				c := b.dial(t, path, k.Extensions)
				defer c.Close()
				if err := conformance.Run(c, k); err != nil {
					t.Errorf("%s: %v", k.Name, err)
				}
			})
		}
	}
}

// TestWebSocketCrowd has many clients at once, some of which vanish; afterwards
// nothing of them is left.
func TestWebSocketCrowd(t *testing.T) {
	var frames, closes atomic.Int64
	b := newBare(t, echoes(t), &frames, &closes)
	b.dial(t, "/job", "").Close() // what is made once is made
	time.Sleep(100 * time.Millisecond)
	closes.Store(0)
	goroutines, files := runtime.NumGoroutine(), descriptors()
	const clients = 60
	var wg sync.WaitGroup
	for i := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			c := b.dial(t, []string{"/job", "/inline", "/none"}[i%3], []string{"", "permessage-deflate"}[i%2])
			defer c.Close()
			for n := range 20 {
				size := rnd.IntN(5000)
				if n%10 == 9 {
					size = 200_000
				}
				payload := bytes.Repeat([]byte{byte(n)}, size)
				if i%7 == 3 && n == 11 { // gone amid a handler
					_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Text, Masked: true}, []byte("slow")))
					return
				}
				if _, err := c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Binary, Masked: true, Key: [4]byte{byte(i), 2, 3, 4}}, payload)); err != nil {
					t.Error(err)
					return
				}
				m, err := c.Next()
				if err != nil || m.Op != websocket.Binary || !bytes.Equal(m.Payload, payload) {
					t.Errorf("client %d, message %d of %d bytes: %s of %d bytes, %v", i, n, size, m.Op, len(m.Payload), err)
					return
				}
			}
		}()
	}
	wg.Wait()
	left := func() string {
		conns := make(chan int)
		b.w.Loop.Post(func() { conns <- b.w.Connections() })
		if n := <-conns; n > 0 {
			return fmt.Sprintf("%d connections", n)
		}
		if n := descriptors() - files; n > 0 {
			return fmt.Sprintf("%d descriptors", n)
		}
		if n := runtime.NumGoroutine() - goroutines; n > 0 {
			return fmt.Sprintf("%d goroutines", n)
		}
		if n := closes.Load(); n != clients*2/3 {
			return fmt.Sprintf("%d ws_close", n)
		}
		return ""
	}
	for end := time.Now().Add(6 * time.Second); left() != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left are %s", left())
		}
	}
}
