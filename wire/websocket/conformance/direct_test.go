package conformance_test

import (
	"net"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// TestDirect plays every case against the codec's own echo server.
func TestDirect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conformance.Serve(conn) }()
		}
	}()
	cases := conformance.Cases()
	for i := range cases {
		k := &cases[i]
		t.Run(k.ID, func(t *testing.T) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c, err := conformance.Dial(conn, "echo.test", "/", k.Extensions, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := conformance.Run(c, k); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		})
	}
	t.Logf("%d cases", len(cases))
}
