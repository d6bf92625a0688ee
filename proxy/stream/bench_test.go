package stream

import (
	"io"
	"net"
	"testing"
)

// BenchmarkConnect is a whole session: connect, one message there and back, close.
func BenchmarkConnect(b *testing.B) {
	r := newRig(b, Options{})
	r.srv.Access = nil
	host, port := echo(b, nil)
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{})
	b.ReportAllocs()
	buf := make([]byte, 5)
	for b.Loop() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		c.Write([]byte("hello"))
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}
