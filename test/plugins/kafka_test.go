package plugins

import (
	be "encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// kafkaBroker is a broker with one topic, "logs", of one partition; it notes what is produced, undecoded.
func kafkaBroker(t *testing.T, sv *services) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	port := ln.Addr().(*net.TCPAddr).Port
	text := func(b []byte, s string) []byte {
		return append(be.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	// Answers of the versions that producers ask for: metadata 1, produce 3.
	metadata := func(out []byte) []byte {
		out = be.BigEndian.AppendUint32(out, 1)
		out = text(be.BigEndian.AppendUint32(out, 7), "127.0.0.1")
		out = append(be.BigEndian.AppendUint32(out, uint32(port)), 0xff, 0xff)                           // no rack
		out = append(be.BigEndian.AppendUint32(out, 7), 0, 0, 0, 1, 0, 0)                                // controller, one topic, no error
		out = append(text(out, "logs"), 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)                                 // not internal, one partition: no error, 0
		return append(be.BigEndian.AppendUint32(out, 7), 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7) // leader, replicas, in sync
	}
	produced := func(out []byte) []byte {
		out = text(append(out, 0, 0, 0, 1), "logs")
		out = append(out, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) // one partition: 0, no error
		return append(out, make([]byte, 8+8+4)...)      // offset, time, throttle
	}
	serve := func(c net.Conn) {
		defer c.Close()
		for {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			b := make([]byte, be.BigEndian.Uint32(head[:]))
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			out := append([]byte(nil), b[4:8]...) // correlation id
			if be.BigEndian.Uint16(b) == 3 {
				out = metadata(out)
			} else {
				sv.note("kafka " + string(b))
				out = produced(out)
			}
			_, _ = c.Write(append(be.BigEndian.AppendUint32(nil, uint32(len(out))), out...))
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return ln.Addr().String()
}

func kafkaLog(t *testing.T, s *site, sv *services) {
	s.do(t, "GET /kafka-log/one")
	s.do(t, "GET /kafka-log/status/404")
	for _, part := range [][]string{{"/kafka-log/one", `"status":200`}, {"/kafka-log/status/404", `"status":404`}} {
		sv.noted(t, append([]string{"kafka ", "logs"}, part...)...)
	}
	if strings.Contains(s.log(), "[kafka-log] failed") {
		t.Error(s.log())
	}
}
