package lua

import (
	"io"
	"net/http"
	"strconv"

	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// The operations behind ngx.req.socket and ngx.req.discard_body.
func init() {
	RegisterOp("client.socket", onRequest(takeClient))
	RegisterOp("client.discard_body", onRequest(func(c *Call, k *pdk.Kong) {
		if d, ok := k.Host.(pdk.Downstream); ok {
			d.DiscardBody()
		}
		c.Return()
	}))
}

// clientSocket is the client's connection or request body as a socket.
type clientSocket struct {
	reader socket.Reader
	body   pdk.BodyStream
	raw    pdk.RawStream // nil of a body
	// sender waits until the kernel took what it sent.
	sender *Call
	timer  loop.Timer
}

// takeClient(raw, said): id; nil, text. said: ngx.print or the like began a
// response and ngx.flush asked for it: it goes out first.
func takeClient(c *Call, k *pdk.Kong) {
	d, ok := k.Host.(pdk.Downstream)
	if !ok {
		c.Return(nil, pdk.ErrUnsupported.Error())
		return
	}
	s := &clientSocket{}
	var err error
	if c.Bool(0) {
		if s.raw, err = d.TakeRaw(); err == nil {
			s.body = s.raw
			if c.Bool(1) {
				err = s.raw.Write(saidSoFar(k))
			}
		}
	} else {
		s.body, err = d.StreamBody()
	}
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	s.reader.Init(c.vm.worker.Loop)
	s.reader.Open(s.body)
	if s.raw != nil { // what a reader of the body has left
		for h := c.vm.sockets.owned[k]; h != nil; h = h.next {
			if h.client != nil {
				s.reader.Inherit(h.reader)
			}
		}
	}
	s.body.Notify(s.reader.Ready)
	s.timer.Init(c.vm.worker.Loop, func() { s.sent(socket.Timeout) })
	h := c.vm.sockets.open(c)
	h.client, h.reader = s, &s.reader
	c.Return(h.id)
}

func (s *clientSocket) close() {
	s.body.Notify(nil)
	if s.raw != nil {
		s.raw.Flushed(nil)
	}
	s.timer.Drop()
	s.reader.Close()
}

// send(id, data, ms): bytes; nil, text
func (s *clientSocket) send(c *Call) {
	switch {
	case s.raw == nil:
		c.Return(nil, socket.Closed)
		return
	case s.sender != nil:
		c.Return(nil, "socket busy writing")
		return
	}
	data := c.Bytes(1)
	if err := s.raw.Write(data); err != nil {
		c.Return(nil, socket.Closed)
		return
	}
	if s.raw.Pending() == 0 {
		c.Return(len(data))
		return
	}
	s.sender = c
	c.OnCancel(func() {
		s.sender = nil
		s.timer.Off()
		s.raw.Flushed(nil)
	})
	if ns := c.milliseconds(2); ns > 0 {
		s.timer.At(c.vm.worker.Loop.Refresh() + ns)
	}
	s.raw.Flushed(func() { s.sent("") })
}

func (s *clientSocket) sent(err string) {
	c := s.sender
	if c == nil {
		return
	}
	s.sender = nil
	s.timer.Off()
	s.raw.Flushed(nil)
	if err != "" {
		c.Return(nil, err)
		return
	}
	c.Return(len(c.Bytes(1)))
}

// saidSoFar is the head and body that ngx.print and its like made, as bytes of
// HTTP/1.1; what the plugin sends itself follows.
func saidSoFar(k *pdk.Kong) []byte {
	x := k.X
	status := int(x.Status)
	if status == 0 {
		status = 200
	}
	reason := x.View(x.Reason)
	if reason == "" {
		reason = http.StatusText(status)
	}
	b := append([]byte("HTTP/1.1 "), strconv.Itoa(status)...)
	b = append(append(append(b, ' '), reason...), "\r\n"...)
	fs := x.Fields(&x.Response)
	for i := range fs {
		if fs[i].Flags&message.FieldGone == 0 {
			b = append(append(append(b, x.NameOf(&fs[i])...), ": "...), x.ValueOf(&fs[i])...)
			b = append(b, "\r\n"...)
		}
	}
	if status == http.StatusSwitchingProtocols {
		b = append(b, "Connection: Upgrade\r\n\r\n"...)
		return b
	}
	b = append(b, "Connection: close\r\n\r\n"...)
	b = append(b, k.Answer.Body...)
	k.Answer.Body = nil
	return b
}

var _ io.Reader = pdk.BodyStream(nil)
