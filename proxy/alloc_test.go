package proxy_test

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// marker is a Go plugin that does what small plugins do: it looks at a header
// and sets one on either side.
type marker struct{}

func (marker) Access(k *pdk.Kong) error {
	return k.Service.Request.SetHeader("X-Seen", k.Request.Header("host"))
}

func (marker) HeaderFilter(k *pdk.Kong) error { return k.Response.SetHeader("X-Mark", "yes") }

func (marker) Log(*pdk.Kong) error { return nil }

// answers is an HTTP server that answers every request of a connection with
// the same bytes and allocates nothing for it.
func answers(t testing.TB, bodyLen int) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 64<<10)
				for have := 0; ; {
					n, err := conn.Read(buf[have:])
					if err != nil {
						return
					}
					have += n
					if end := bytes.Index(buf[:have], []byte("\r\n\r\n")); end >= 0 && have >= end+4+bodyLen {
						have = 0
						if _, err := conn.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr()
}

// raceEnabled: the race detector makes pools forget at random.
var raceEnabled bool

// TestSteadyStateAllocatesNothing sends many requests over one connection: the
// data plane must serve them from memory that it has.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget under the race detector")
	}
	const requests = 2000
	mark := &plugin.Plugin{Name: "mark", Priority: 1, Version: "1.0.0", Phases: plugin.PhasesOf(marker{}), Inline: plugin.PhasesOf(marker{}),
		Config: &schema.Schema{Name: "mark", Fields: []schema.Field{schema.ProtocolsHTTP, {Name: "config", Type: schema.Record, Fields: []schema.Field{}}}},
		New:    func(map[string]any) (plugin.Handler, error) { return marker{}, nil }}
	for _, c := range []struct {
		name, path string
		body       int
	}{
		{"get", "/plain/a?b=c", 0},
		{"post", "/plain/a", 1024},
		{"plugin", "/marked/a", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := answers(t, c.body)
			b := serveBare(t, map[string]*plugin.Plugin{"mark": mark}, func(insert insertFunc) {
				service := insert("services", map[string]any{"url": "http://" + up.String()})
				insert("routes", map[string]any{"paths": []any{"/plain"}, "service": service})
				route := insert("routes", map[string]any{"paths": []any{"/marked"}, "service": service})
				insert("plugins", map[string]any{"name": "mark", "route": route, "config": map[string]any{}})
			})
			conn, err := net.Dial("tcp", b.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			head, method := "", "GET"
			if c.body > 0 {
				method, head = "POST", fmt.Sprintf("Content-Length: %d\r\n", c.body)
			}
			request := []byte(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a.test\r\nUser-Agent: test\r\nAccept: */*\r\n%s\r\n%s", method, c.path, head, strings.Repeat("y", c.body)))
			buf, tail := make([]byte, 4<<10), bytes.Repeat([]byte("x"), 100)
			once := func() {
				if _, err := conn.Write(request); err != nil {
					t.Fatal(err)
				}
				n := 0
				for !bytes.HasSuffix(buf[:n], tail) {
					more, err := conn.Read(buf[n:])
					if n += more; err != nil || !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) {
						t.Fatalf("%v: %s", err, buf[:n])
					}
				}
			}
			for range 300 { // pools and caches fill
				once()
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range requests {
				once()
			}
			runtime.ReadMemStats(&after)
			if n := float64(after.Mallocs-before.Mallocs) / requests; n > 0.05 { // the date of each second, timers of the runtime
				t.Errorf("%.2f allocations per request", n)
			}
		})
	}
}
