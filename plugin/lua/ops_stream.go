package lua

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations of L4 sessions (lib/gibbon/ngx_stream.lua): how preread ends
// one, and the client's side of a TCP one (ngx.req.socket, ngx.print).
func init() {
	RegisterOp("stream.exit", onStream(streamExit))
	RegisterOp("stream.ngx_exit", onStream(streamNgxExit))
	RegisterOp("stream.print", onStream(streamPrint))
	RegisterOp("stream.disable_tls", onStream(func(c *Call, k *pdk.Kong) { k.Balance.NoTLS = true; c.Return(true) }))
	RegisterOp("stream.socket", onStream(streamSocket))
	RegisterOp("stream.peek", onStream(streamPeek))
	RegisterOp("stream.receive", onStream(streamReceive))
}

// onStream makes an operation of one that needs a session in preread.
func onStream(op func(c *Call, k *pdk.Kong)) Op {
	return func(c *Call) {
		k := c.Kong()
		if k == nil || k.Stream == nil || c.Phase() != phase.Preread {
			c.Fail(noRequest)
			return
		}
		op(c, k)
	}
}

// streamExit(status, body): nothing, or nil and a text.
func streamExit(c *Call, k *pdk.Kong) {
	var body any
	if !c.IsNil(1) {
		body = c.String(1)
	}
	if err := k.Response.Exit(c.Int(0), body); !errors.Is(err, pdk.ErrExit) {
		refuse(c, err)
		return
	}
	c.Return()
}

// streamNgxExit(code) is ngx.exit: ngx.OK ends preread and the session goes
// on, an error is a 500, and statuses are what they are.
func streamNgxExit(c *Call, k *pdk.Kong) {
	code := c.Int(0)
	if code < 0 {
		code = 500
	}
	k.Answer = pdk.Answer{Status: code}
	c.Return()
}

var errNoClient = errors.New("the session has no client's socket")

// streamPrint(text) sends to the client at once: the number of bytes, or nil and a text.
func streamPrint(c *Call, k *pdk.Kong) {
	client := k.Stream.Client
	if client == nil {
		refuse(c, errNoClient)
		return
	}
	text := c.String(0)
	refuse(c, client.Send([]byte(text)), len(text))
}

// streamSocket(): true, or nil and a text where there is no TCP client.
func streamSocket(c *Call, k *pdk.Kong) {
	if k.Stream.Client == nil {
		refuse(c, errNoClient)
		return
	}
	c.Return(true)
}

// streamPeek(n, timeout in ms): the first n bytes, which stay; or nil and a text.
func streamPeek(c *Call, k *pdk.Kong) {
	client, n := k.Stream.Client, c.Int(0)
	if client == nil {
		refuse(c, errNoClient)
		return
	}
	timeout := time.Duration(c.Number(1) * float64(time.Millisecond))
	var look func(error)
	look = func(err error) {
		switch b := client.Buffered(); {
		case len(b) >= n:
			c.Done(b[:n])
		case err != nil:
			c.Done(nil, streamWord(err))
		default:
			client.Await(timeout, look)
		}
	}
	look(nil)
}

// streamWord is an error in the words that Lua code compares.
func streamWord(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, pdk.ErrStreamTimeout):
		return "timeout"
	}
	return err.Error()
}

// maxReceive bounds what one receive may gather.
const maxReceive = 1 << 20

// streamReceive(kind, n, pattern, inclusive, timeout in ms): the data; or nil,
// a text and what came. kind is line, count, any, all or until.
func streamReceive(c *Call, k *pdk.Kong) {
	client := k.Stream.Client
	if client == nil {
		refuse(c, errNoClient)
		return
	}
	kind, n, pattern, inclusive := c.String(0), c.Int(1), []byte(c.String(2)), c.Bool(3)
	timeout := time.Duration(c.Number(4) * float64(time.Millisecond))
	var before []byte // what was taken because the session's buffer is full
	var look func(error)
	look = func(err error) {
		all, have := append(before, client.Buffered()...), len(client.Buffered())
		if end, drop, ok := match(kind, all, n, pattern, inclusive); ok {
			client.Take(end + drop - len(before))
			if kind == "line" {
				c.Done(bytes.ReplaceAll(all[:end], []byte("\r"), nil))
				return
			}
			c.Done(all[:end])
			return
		}
		switch {
		case err == nil:
		case errors.Is(err, pdk.ErrStreamFull) && len(all) <= maxReceive:
			before = all
			client.Take(have)
		default:
			if have > 0 {
				client.Take(have)
			}
			if kind == "all" && errors.Is(err, io.EOF) {
				c.Done(all)
				return
			}
			c.Done(nil, streamWord(err), all)
			return
		}
		client.Await(timeout, look)
	}
	look(nil)
}

// match looks whether b answers a receive: with b[:end], after which drop bytes go.
func match(kind string, b []byte, n int, pattern []byte, inclusive bool) (end, drop int, ok bool) {
	switch kind {
	case "count":
		return n, 0, len(b) >= n
	case "any":
		return min(n, len(b)), 0, len(b) > 0
	case "line":
		i := bytes.IndexByte(b, '\n')
		return max(i, 0), 1, i >= 0
	case "until":
		i := bytes.Index(b, pattern)
		if inclusive {
			return i + len(pattern), 0, i >= 0
		}
		return max(i, 0), len(pattern), i >= 0
	}
	return 0, 0, false
}
