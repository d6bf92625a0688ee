package stream

import (
	"errors"
	"io"
	"time"

	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/clienthello"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/proxyproto"
)

// unrecognizedName is the fatal TLS alert for a server name without a route
// (RFC 8446 section 6, RFC 6066 section 3).
var unrecognizedName = []byte{21, 3, 1, 0, 2, 2, 112}

var errConnectTimeout = errors.New("the upstream did not accept the connection in time")

// readAhead reads what has to be known before the route: a PROXY header, a
// ClientHello. Everything but the header goes on to whoever speaks TLS.
func (t *tcpSession) readAhead() {
	for t.client.CanRead {
		b := t.w.Loop.Buffer
		n, err := t.client.RawRead(b[:clienthello.MaxSize])
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			t.refuse("reading ahead", "client prematurely closed connection")
			return
		}
		t.in = append(t.in, b[:n]...)
		if !t.parseAhead() {
			return
		}
	}
}

// parseAhead looks at what came; true: read on.
func (t *tcpSession) parseAhead() bool {
	if t.l.ProxyProtocol && !t.proxied {
		h, n, err := proxyproto.Parse(t.in)
		switch {
		case err == proxyproto.ErrMore:
			return true
		case err != nil:
			t.refuse("reading PROXY protocol", err.Error())
			return false
		}
		t.proxied = true
		if h.Source.IsValid() {
			t.believe(h.Source)
		}
		t.in = append([]byte(nil), t.in[n:]...)
	}
	if t.l.TLS != nil {
		if t.scanner == nil {
			t.scanner = &clienthello.Scanner{}
		}
		h, err := t.scanner.Parse(t.in)
		switch {
		case err == clienthello.ErrMore:
			return true
		case err != nil:
			t.refuse("reading ClientHello", err.Error())
			return false
		}
		t.hello, t.scanner = h, nil
	}
	t.timer.Off()
	t.state = tcpPlugins
	t.resume()
	return false
}

// refuse ends a session that did not come to a route; no plugin sees it.
func (t *tcpSession) refuse(action, why string) {
	t.logf(log.Info, action, "%s", why)
	t.ended = true
	t.over(400)
}

// Buffered implements pdk.StreamClient.
func (t *tcpSession) Buffered() []byte { return t.in }

// Await implements pdk.StreamClient.
func (t *tcpSession) Await(timeout time.Duration, done func(error)) {
	t.await = done
	if timeout > 0 {
		t.timer.After(int64(timeout))
	}
	t.w.Loop.Again(&t.client)
}

// Take implements pdk.StreamClient.
func (t *tcpSession) Take(n int) {
	t.received += uint64(n)
	t.in = t.in[n:]
	t.taken = true
}

// Send implements pdk.StreamClient.
func (t *tcpSession) Send(p []byte) error {
	if !t.client.open() {
		return io.ErrClosedPipe
	}
	err := t.client.Write(p)
	if err == nil {
		t.sent += uint64(len(p))
		t.linger = true
	}
	return err
}

// awaited reads for a plugin that waits for bytes.
func (t *tcpSession) awaited() {
	if t.await == nil || !t.client.open() {
		return
	}
	limit := t.w.srv.Options.PrereadBuffer
	if len(t.in) >= limit {
		t.wake(pdk.ErrStreamFull)
		return
	}
	before := len(t.in)
	for t.client.CanRead && len(t.in) < limit {
		b := t.w.Loop.Buffer
		n, err := t.client.Read(b[:limit-len(t.in)])
		t.in = append(t.in, b[:n]...)
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			t.inEnd = true
			break
		}
	}
	switch {
	case len(t.in) > before:
		t.wake(nil)
	case t.inEnd:
		t.wake(io.EOF)
	}
}

// wake tells the plugin that waits.
func (t *tcpSession) wake(err error) {
	done := t.await
	t.await = nil
	t.timer.Off()
	done(err)
}
