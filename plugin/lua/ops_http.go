package lua

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
)

// maxHead bounds the head of a response that resty.http reads, in bytes.
const maxHead = 256 << 10

// receiveHead(id, ms): the first line, then name, value, name, value … of an
// HTTP head as a list; nil, text. Reading it at once is what makes resty.http
// cheap: a head is a dozen lines.
func receiveHead(c *Call, h *handle) {
	if h.reader == nil || h.reader.Ended() || h.udp != nil {
		c.Return(nil, socket.Closed)
		return
	}
	if h.connecting || h.reader.Busy() {
		c.Return(nil, "socket busy reading")
		return
	}
	r := h.reader
	c.OnCancel(r.Cancel)
	r.Receive(socket.Request{Kind: socket.Head, N: maxHead, Timeout: c.milliseconds(1)}, func(data []byte, _ bool, err string) {
		if err != "" {
			if err != socket.Timeout && err != socket.Closed && h.tcp != nil {
				h.tcp.Close()
			}
			c.Return(nil, err)
			return
		}
		first, rest, _ := bytes.Cut(data, []byte("\n"))
		list := &c.vm.fields
		putFields(list, rest)
		c.returnEncoded(append(luajit.AppendText(c.buffer(), bytes.TrimSuffix(first, []byte("\r"))), list.Encoded()...))
	})
}

// putFields makes list the names and values of header lines. Lines without a
// colon are passed over, folded ones belong to the line before.
func putFields(list *luajit.Strings, b []byte) {
	list.Reset()
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			list.Extend(' ')
			list.Extend(bytes.TrimLeft(line, " \t")...)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimRight(name, " \t"); ok && len(name) > 0 && bytes.IndexByte(name, ' ') < 0 {
			list.Add(name)
			list.Add(bytes.TrimLeft(value, " \t"))
		}
	}
}
