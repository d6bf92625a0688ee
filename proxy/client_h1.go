package proxy

import (
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// pump takes body bytes from what was read with the head, then from the
// socket, and gives them to whoever wants them.
func (c *clientConn) pump() {
	r := c.req
	for r.wantsBody() {
		if len(c.in) > 0 {
			p := c.in
			c.in = c.in[:0] // bodyBytes puts back what it does not take
			if !c.bodyBytes(p) {
				return
			}
			continue
		}
		if !c.CanRead {
			break
		}
		buf := c.w.Loop.Buffer
		n, err := c.Read(buf)
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			c.broken()
			return
		}
		if !c.bodyBytes(buf[:n]) {
			return
		}
	}
	if !r.body.done && r.body.mode != bodyPaused && c.state == clientBusy && c.Pending() == 0 {
		c.timer.After(c.w.srv.Options.BodyTimeout)
	}
}

// bodyBytes decodes what was just read; what belongs to the next request, or
// cannot be taken now, is kept.
func (c *clientConn) bodyBytes(p []byte) bool {
	r := c.req
	for len(p) > 0 {
		if !r.wantsBody() {
			c.in = append(c.in, p...)
			return true
		}
		data, n, err := r.body.dec.Gather(p)
		if !r.bodyData(data, err) {
			return false
		}
		p = p[n:]
		if r.body.dec.Done() {
			c.in = append(c.in, p...)
			p = nil
		}
		c.bodyProgress()
	}
	return true
}

// bodyProgress notices the end of the body.
func (c *clientConn) bodyProgress() {
	if r := c.req; !r.body.done && r.body.dec.Done() {
		c.timer.Off()
		r.bodyEnded()
	}
}

func (c *clientConn) quiet() { c.timer.Off() }

func (c *clientConn) bodyAtHand() bool {
	d, b := c.req.body.dec, c.in
	d.Trailer = nil
	for len(b) > 0 && !d.Done() {
		_, n, err := d.Decode(b)
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return d.Done()
}

func (c *clientConn) atHand() int64 { return 0 }

func (c *clientConn) sendContinue() {
	if err := c.Write([]byte(http1.Continue)); err != nil {
		c.HungUp = true
	}
}

// hold makes held ready: output is collected in the loop's Scratch, and sent
// as one write.
func (c *clientConn) hold() {
	if c.held == nil {
		c.held = c.w.Loop.Scratch[:0]
	}
}

// holdMax is how much output is collected before it is sent.
const holdMax = 32 << 10

func (c *clientConn) begin() {
	c.hold()
	if !c.req.out.raw {
		c.held = c.req.appendResponseHead(c.held)
	}
}

func (c *clientConn) write(p []byte) error {
	c.hold()
	if c.req.out.chunked {
		c.held = http1.AppendChunk(c.held, p)
	} else {
		c.held = append(c.held, p...)
	}
	if len(c.held) >= holdMax {
		return c.flush()
	}
	return nil
}

func (c *clientConn) end() error {
	if r := c.req; r.out.chunked && !r.out.noBody {
		c.hold()
		if r.Trailer.N > 0 && r.takesTrailers() {
			c.held = http1.AppendTrailer(c.held, r.Shared, &r.Trailer, &forbiddenTrailers)
		} else {
			c.held = append(c.held, http1.LastChunk...)
		}
	}
	return c.flush()
}

func (c *clientConn) flush() error {
	b := c.held
	c.held = nil
	if len(b) == 0 {
		return nil
	}
	err := c.WriteSoon(b)
	c.req.BytesSent += uint64(len(b))
	c.w.Loop.Scratch = b[:0]
	return err
}

func (c *clientConn) room() bool { return c.Pending() == 0 }

func (c *clientConn) await() { c.timer.After(c.w.srv.Options.SendTimeout) }

// unsent: what waits for the kernel is the connection's business.
func (c *clientConn) unsent() bool { return false }

func (c *clientConn) part() { c.req, c.held = nil, nil }

// breakOff lets what is on its way arrive, if it can: a reset would also drop
// the end of the answer to an earlier request.
func (c *clientConn) breakOff(shows bool) {
	if !shows || c.peerClosed || c.HungUp || c.Closed() {
		c.close()
		return
	}
	c.endSending()
}

// appendResponseHead appends the response head for an HTTP/1.1 client.
func (r *request) appendResponseHead(dst []byte) []byte {
	status := int(r.Status)
	reason := r.Bytes(r.Reason)
	noReason := r.out.noReason
	if r.Source != message.SourceService || r.Status != r.UpstreamStatus || r.out.buffered {
		reason, noReason = nil, false
		if t, ok := reasons[status]; ok {
			reason = unsafe.Slice(unsafe.StringData(t), len(t))
		}
	}
	dst = http1.AppendStatusLine(dst, status, reason)
	if noReason { // as the upstream wrote it: without the blank
		dst = append(dst[:len(dst)-len(" \r\n")], "\r\n"...)
	}
	if r.wantsDate() {
		dst = append(dst, "Date: "...)
		dst = append(dst, r.w.date.at(r.w.Loop.Wall())...)
		dst = append(dst, "\r\n"...)
	}
	r.settleHead()
	dst = r.appendFraming(dst)
	if r.keep {
		dst = append(dst, "Connection: keep-alive\r\n"...)
	} else {
		dst = append(dst, "Connection: close\r\n"...)
	}
	dst = http1.AppendFields(dst, r.Shared, &r.Response, &r.w.skip.response)
	return append(dst, "\r\n"...)
}

// appendFraming decides how the body is delimited for the client.
func (r *request) appendFraming(dst []byte) []byte {
	o := &r.out
	switch {
	case r.lengthTold():
		dst = append(dst, "Content-Length: "...)
		dst = message.AppendInt(dst, o.length)
		return append(dst, "\r\n"...)
	case o.noBody:
		return dst
	case r.HTTPMajor == 1 && r.HTTPMinor == 0:
		r.keep = false
		return dst
	}
	o.chunked = true
	return append(dst, "Transfer-Encoding: chunked\r\n"...)
}
