package lua

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// BenchmarkCallout asks an HTTP service over a kept connection, one request after another.
func BenchmarkCallout(b *testing.B) {
	port := portOf(serve(b, "tcp", func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" {
					break
				}
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Wed, 25 Nov 2026 19:55:01 GMT\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\n0123456789\n")
		}
	}))
	s := live(b, Options{}, fmt.Sprintf(`local http = require "resty.http"
		function P:access() local c = http.new() local res = assert(c:request_uri("http://127.0.0.1:%d/", { headers = { ["X-Path"] = "/x" } })) assert(res.status == 200 and #res.body == 11) end`, port))
	b.ReportAllocs()
	h := &liveHost{outcome: make(chan plugin.Outcome, 1)}
	done := make(chan struct{})
	var next func(n int)
	next = func(n int) {
		if n == 0 {
			close(done)
			return
		}
		k, _ := s.request()
		k.Host = hostFunc{h, func(uint8) {
			s.end(k)
			s.w.Loop.Post(func() { next(n - 1) })
		}}
		if out := s.rt.Run(k, phase.Access, s.all); out != plugin.Suspend {
			b.Errorf("outcome %d", out)
			close(done)
		}
	}
	b.ResetTimer()
	s.w.Loop.Post(func() { next(b.N) })
	<-done
}

type hostFunc struct {
	*liveHost
	resume func(uint8)
}

func (h hostFunc) Resume(o uint8) { h.resume(o) }
