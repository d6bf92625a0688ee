package golden

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// echoTCP and echoUDP are the upstreams of L4 cases: they answer what they receive with "echo:" and the bytes.
func echoTCP(ln net.Listener, rec *recorder) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := c.Read(buf)
				if n > 0 {
					rec.bytes("tcp", buf[:n])
					c.Write(append([]byte("echo:"), buf[:n]...))
				}
				if err != nil {
					return
				}
			}
		}()
	}
}

func echoUDP(pc net.PacketConn, rec *recorder) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		rec.bytes("udp", buf[:n])
		pc.WriteTo(append([]byte("echo:"), buf[:n]...), from)
	}
}

// streamExchange sends each line of the step over one TCP, TLS or UDP flow and notes what comes back before the next
// is sent.
func streamExchange(addr, tlsAddr string, payload []byte, o options) string {
	c, err := dialStream(addr, tlsAddr, o)
	if err != nil {
		return "(dial: " + errorName(err) + ")"
	}
	defer c.Close()
	var out []string
	buf := make([]byte, 64<<10)
	for line := range strings.SplitSeq(strings.TrimRight(string(payload), "\n"), "\n") {
		if line != "(nothing)" {
			if _, err := c.Write([]byte(line)); err != nil {
				out = append(out, "(write failed)")
				break
			}
		}
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Read(buf)
		if n > 0 {
			out = append(out, fmt.Sprintf("%q", buf[:n]))
		}
		if errors.Is(err, io.EOF) {
			out = append(out, "(closed)")
			break
		} else if err != nil {
			out = append(out, "("+errorName(err)+")")
			break
		}
	}
	return strings.Join(out, "\n")
}

func dialStream(addr, tlsAddr string, o options) (net.Conn, error) {
	d := net.Dialer{Timeout: 3 * time.Second}
	switch {
	case o.has("udp"):
		return d.Dial("udp", addr)
	case o.has("tls"):
		return tls.DialWithDialer(&d, "tcp", tlsAddr, o.clientTLS())
	}
	return d.Dial("tcp", addr)
}
