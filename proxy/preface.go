package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/proxyproto"
)

// readPreface reads the PROXY protocol header that a listener expects.
func (c *clientConn) readPreface() {
	for c.CanRead {
		b := c.w.Loop.Buffer
		have := copy(b, c.in)
		n, err := c.RawRead(b[have : have+512])
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			c.close()
			return
		}
		b = b[:have+n]
		h, used, err := proxyproto.Parse(b)
		switch {
		case err == proxyproto.ErrMore:
			c.in = append(c.in[:0], b...)
			continue
		case err != nil:
			c.w.srv.Log.Errorf("broken header: %q while reading PROXY protocol, client: %s, server: %s", head(b), c.flow.Peer, c.flow.Local)
			c.close()
			return
		}
		if h.Source.IsValid() {
			c.flow.Proxied = h.Source
		}
		c.in = append(c.in[:0], b[used:]...)
		c.state = clientIdle
		c.CanRead = true
		if c.listener.TLS != nil {
			c.handOverTLS()
			return
		}
		c.readHead()
		return
	}
}

// head is the beginning of b for a log line.
func head(b []byte) []byte { return b[:min(len(b), 64)] }
