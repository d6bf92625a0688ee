package golden

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// frame is one WebSocket frame (RFC 6455, section 5.2).
type frame struct {
	fin  bool
	rsv  byte
	op   byte
	data []byte
}

var opNames = map[byte]string{0: "cont", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

func readFrame(r *bufio.Reader) (f frame, err error) {
	var h [14]byte
	if _, err = io.ReadFull(r, h[:2]); err != nil {
		return f, err
	}
	f.fin, f.rsv, f.op = h[0]&0x80 != 0, h[0]>>4&7, h[0]&15
	n := uint64(h[1] & 0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(r, h[2:4])
		n = uint64(binary.BigEndian.Uint16(h[2:4]))
	case 127:
		_, err = io.ReadFull(r, h[2:10])
		n = binary.BigEndian.Uint64(h[2:10])
	}
	var key [4]byte
	if h[1]&0x80 != 0 && err == nil {
		_, err = io.ReadFull(r, key[:])
	}
	if err != nil || n > 64<<20 {
		return f, io.ErrUnexpectedEOF
	}
	f.data = make([]byte, n)
	_, err = io.ReadFull(r, f.data)
	for i := range f.data {
		f.data[i] ^= key[i%4]
	}
	return f, err
}

func (f frame) bytes(mask bool) []byte {
	b0, b1 := f.op|f.rsv<<4, byte(0)
	if f.fin {
		b0 |= 0x80
	}
	if mask {
		b1 = 0x80
	}
	out := []byte{b0}
	switch n := len(f.data); {
	case n < 126:
		out = append(out, b1|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, b1|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, b1|127), uint64(n))
	}
	if !mask {
		return append(out, f.data...)
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	out = append(out, key[:]...)
	for i, c := range f.data {
		out = append(out, c^key[i%4])
	}
	return out
}

func (f frame) String() string {
	s := opNames[f.op]
	if s == "" {
		s = fmt.Sprintf("op%d", f.op)
	}
	if !f.fin {
		s += "+"
	}
	if f.rsv != 0 {
		s += fmt.Sprintf(" rsv%d", f.rsv)
	}
	switch {
	case len(f.data) > 256:
		return s + " " + sum(f.data)
	case f.op == 8 && len(f.data) >= 2:
		return fmt.Sprintf("%s %d %q", s, binary.BigEndian.Uint16(f.data), f.data[2:])
	case f.op == 2:
		return s + " " + hex.EncodeToString(f.data)
	}
	return fmt.Sprintf("%s %q", s, f.data)
}

var frameLine = regexp.MustCompile(`^(text|binary|cont|ping|pong|close)(\+?)(?:\*(\d+))?(?: (.*))?$`)

// parseFrame reads `text hello`, `text+ hel` (more to come), `cont lo`, `binary 00ff`, `ping x`,
// `close 1000 bye`, `text*70000 x` (the payload repeated).
func parseFrame(l string) frame {
	m := frameLine.FindStringSubmatch(l)
	if m == nil {
		panic("bad frame line: " + l)
	}
	f := frame{fin: m[2] == "", data: []byte(m[4])}
	for op, n := range opNames {
		if n == m[1] {
			f.op = op
		}
	}
	switch m[1] {
	case "binary":
		f.data = unhex(m[4])
	case "close":
		code, why, _ := strings.Cut(m[4], " ")
		f.data = nil
		if n, err := strconv.Atoi(code); err == nil {
			f.data = append(binary.BigEndian.AppendUint16(nil, uint16(n)), why...)
		}
	}
	if n, err := strconv.Atoi(m[3]); err == nil {
		f.data = bytes.Repeat(f.data, n)
	}
	return f
}

// exchangeWebSocket shakes hands with the request and then goes through the lines of N.ws. After each frame it
// waits for one in return; a line that begins with `-` does not wait. Other lines: `wait`, `quiet 300ms`,
// `raw HEX`, `drop` (close the connection).
func exchangeWebSocket(addr string, raw, script []byte, o options) string {
	c, shown, err := dial(addr, o)
	if err != nil {
		return "(dial: " + err.Error() + ")"
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(15 * time.Second))
	c.Write(raw)
	r := bufio.NewReader(c)
	m, err := readMessage(r, true, "GET")
	if err != nil {
		return "(closed without a response)"
	}
	out := m.text(o.has("brief"))
	if shown != "" {
		out = shown + "\n=====\n" + out
	}
	if f := strings.Fields(m.first); len(f) < 2 || f[1] != "101" {
		return out
	}
	var lines []string
	receive := func(d time.Duration, silence string) bool {
		c.SetReadDeadline(time.Now().Add(d))
		f, err := readFrame(r)
		switch {
		case err == nil:
			lines = append(lines, "< "+f.String())
		case errorName(err) == "timeout":
			lines = append(lines, silence)
		default:
			lines = append(lines, "(closed)")
			return false
		}
		return true
	}
	for _, l := range strings.Split(strings.TrimRight(string(script), "\n"), "\n") {
		l, mute := strings.CutPrefix(l, "-")
		verb, arg, _ := strings.Cut(l, " ")
		on := true
		switch verb {
		case "wait":
			on = receive(3*time.Second, "(nothing)")
			mute = true
		case "quiet":
			d, _ := time.ParseDuration(arg)
			on = receive(d, "(quiet)")
			mute = true
		case "drop":
			c.Close()
			on = false
		case "raw":
			lines = append(lines, "> raw "+arg)
			c.Write(unhex(arg))
		default:
			f := parseFrame(l)
			lines = append(lines, "> "+f.String())
			if _, err := c.Write(f.bytes(true)); err != nil {
				lines = append(lines, "(write failed)")
				on = false
			}
		}
		if !on || !mute && !receive(3*time.Second, "(nothing)") {
			break
		}
	}
	return out + strings.Join(lines, "\n")
}

func wsAccept(key string) string {
	s := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(s[:])
}

// talk is the upstream's side: it notes every frame, echoes data, answers ping with pong and close with
// close. A text that begins with `!` is a command: `!close 1001 bye`, `!drop`, or a frame to send back.
func (u *upstream) talk(c net.Conn, r *bufio.Reader, m *message, e *entry, rep []byte) {
	if string(rep) == defaultReply {
		rep = []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: auto\r\n")
		if p, _, _ := strings.Cut(m.header("Sec-WebSocket-Protocol"), ","); p != "" {
			rep = append(rep, "Sec-WebSocket-Protocol: "+strings.TrimSpace(p)+"\r\n"...)
		}
		rep = append(rep, "\r\n"...)
	}
	rep = bytes.Replace(rep, []byte("Sec-WebSocket-Accept: auto"), []byte("Sec-WebSocket-Accept: "+wsAccept(m.header("Sec-WebSocket-Key"))), 1)
	if _, err := c.Write(rep); err != nil || !bytes.HasPrefix(rep, []byte("HTTP/1.1 101")) {
		return
	}
	for {
		f, err := readFrame(r)
		if err != nil {
			u.rec.extend(e, "(closed)\n")
			return
		}
		u.rec.extend(e, f.String()+"\n")
		switch {
		case f.op == 8:
			c.Write(f.bytes(false))
			return
		case f.op == 9:
			f.op = 10
			c.Write(f.bytes(false))
		case f.op == 10:
		case f.op == 1 && bytes.HasPrefix(f.data, []byte("!drop")):
			return
		case f.op == 1 && bytes.HasPrefix(f.data, []byte("!")):
			for _, l := range strings.Split(string(f.data[1:]), "|") {
				c.Write(parseFrame(l).bytes(false))
			}
		default:
			c.Write(f.bytes(false))
		}
	}
}
