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

var (
	errNoClient = errors.New("the session has no client's socket")
	errTooMuch  = errors.New("too much data")
)

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

// taken is what a receive took of the session and did not deliver.
type taken struct{ buf []byte }

// maxTaken bounds what one receive may gather.
const maxTaken = 1 << 20

// takenBy finds the session's, which lives in its kong.ctx under a name that
// no plugin has.
func takenBy(k *pdk.Kong) *taken {
	const key = "\x00stream.receive"
	t, _ := k.Ctx.Shared(key).(*taken)
	if t == nil {
		t = &taken{}
		k.Ctx.SetShared(key, t)
	}
	return t
}

// streamReceive(kind, n, pattern, inclusive, timeout in ms): the data; or nil,
// a text and what came. kind is line, count, any, all or until.
func streamReceive(c *Call, k *pdk.Kong) {
	client, t := k.Stream.Client, takenBy(k)
	if client == nil {
		refuse(c, errNoClient)
		return
	}
	kind, n, pattern, inclusive := c.String(0), c.Int(1), []byte(c.String(2)), c.Bool(3)
	timeout := time.Duration(c.Number(4) * float64(time.Millisecond))
	var look func(error)
	look = func(err error) {
		b := client.Buffered()
		t.buf = append(t.buf, b...)
		if len(b) > 0 {
			client.Take(len(b))
		}
		if end, drop, ok := match(kind, t.buf, n, pattern, inclusive); ok {
			data := t.buf[:end]
			t.buf = t.buf[end+drop:]
			if kind == "line" {
				data = bytes.ReplaceAll(data, []byte("\r"), nil)
			}
			c.Done(data)
			return
		}
		if err == nil && len(t.buf) > maxTaken {
			err = errTooMuch
		}
		if err == nil || errors.Is(err, pdk.ErrStreamFull) {
			client.Await(timeout, look)
			return
		}
		data := t.buf
		t.buf = nil
		if kind == "all" && errors.Is(err, io.EOF) {
			c.Done(data)
			return
		}
		c.Done(nil, streamWord(err), data)
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
