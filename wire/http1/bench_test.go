package http1

import (
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// What the usual clients and servers send.
const (
	curlRequest = "GET /anything/v1/items?limit=10 HTTP/1.1\r\nHost: api.example.test:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
	wrkRequest  = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
	webRequest  = "GET /anything/v1/items?limit=10 HTTP/1.1\r\nHost: api.example.test:8000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nAuthorization: Bearer abcdefghijklmnop.qrstuvwxyz\r\n" +
		"X-Request-Source: mobile\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n"
	webResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n" +
		"Connection: keep-alive\r\nETag: \"0123456789\"\r\nCache-Control: max-age=60, public\r\nX-Upstream: yes\r\n\r\n"
)

// cpu reports the processor's time per operation beside the clock's, which
// tells nothing on a busy machine. Call it deferred.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkParseAdopt(b *testing.B) {
	for _, one := range []struct{ name, head string }{{"curl", curlRequest}, {"wrk", wrkRequest}, {"web", webRequest}, {"response", webResponse}} {
		b.Run(one.name, func(b *testing.B) {
			var p message.Pool
			defer p.Close()
			var x message.Exchange
			if err := x.Begin(&p); err != nil {
				b.Fatal(err)
			}
			in := []byte(one.head)
			start := x.Used
			var h Head
			lim := Limits{Line: 8192, Total: 32768, Fields: 1000}
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				x.Used = start
				x.Request = message.Head{}
				n, err := Complete(in, 0)
				if err == nil {
					if in[0] == 'H' {
						err = h.ParseResponse(in, n, &lim, false)
					} else {
						err = h.ParseRequest(in, n, &lim)
					}
				}
				if err == nil {
					_, err = h.Adopt(in, x.Shared, &x.Request)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendFields(b *testing.B) {
	for _, one := range []struct {
		name, head string
		edits      bool
	}{{"request", webRequest, false}, {"response", webResponse, false}, {"edited", webResponse, true}} {
		b.Run(one.name, func(b *testing.B) {
			var p message.Pool
			defer p.Close()
			x := adopted(b, &p, one.head)
			if one.edits {
				_ = x.Set(&x.Request, "Server", "gibbon")
				_ = x.Add(&x.Request, "X-Kong-Upstream-Latency", "1")
				_ = x.Add(&x.Request, "Via", "1.1 gibbon")
			}
			var skip [256]bool
			skip[message.HeaderHost], skip[message.HeaderContentLength] = true, true
			out := make([]byte, 0, 4096)
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				out = AppendFields(out[:0], x.Shared, &x.Request, &skip)
			}
			if len(out) < 100 {
				b.Fatal(len(out))
			}
		})
	}
}

func BenchmarkDecodeChunked(b *testing.B) {
	var in []byte
	piece := make([]byte, 1000)
	for range 64 {
		in = AppendChunk(in, piece)
	}
	in = append(in, LastChunk...)
	var d Decoder
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		d.Begin(message.BodyChunked, -1)
		for rest := in; !d.Done(); {
			_, n, err := d.Decode(rest)
			if err != nil || n == 0 {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

// adopted is an exchange whose Request holds the fields of a head of either kind.
func adopted(t testing.TB, p *message.Pool, head string) *message.Exchange {
	t.Helper()
	x := &message.Exchange{}
	if err := x.Begin(p); err != nil {
		t.Fatal(err)
	}
	b := []byte(head)
	n, err := Complete(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	var h Head
	if head[:5] == "HTTP/" {
		err = h.ParseResponse(b, n, &Limits{}, false)
	} else {
		err = h.ParseRequest(b, n, &Limits{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err = h.Adopt(b, x.Shared, &x.Request); err != nil {
		t.Fatal(err)
	}
	return x
}
