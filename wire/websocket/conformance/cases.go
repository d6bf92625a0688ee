package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

func head(op websocket.Opcode) websocket.Header {
	return websocket.Header{Fin: true, Op: op, Masked: true, Key: key}
}

// frame is a whole masked frame; first and rest are those of fragments.
func frame(op websocket.Opcode, p string) []byte {
	return websocket.AppendFrame(nil, head(op), []byte(p))
}
func first(op websocket.Opcode, p string) []byte {
	h := head(op)
	h.Fin = false
	return websocket.AppendFrame(nil, h, []byte(p))
}
func more(p string) []byte { return first(websocket.Continuation, p) }
func last(p string) []byte { return frame(websocket.Continuation, p) }
func reserved(rsv uint8, op websocket.Opcode, p string) []byte {
	h := head(op)
	h.RSV = rsv
	return websocket.AppendFrame(nil, h, []byte(p))
}
func closing(code int, reason string) []byte {
	return frame(websocket.Close, string([]byte{byte(code >> 8), byte(code)})+reason)
}
func join(ps ...[]byte) []byte { return bytes.Join(ps, nil) }

func text(p string) *websocket.Message {
	return &websocket.Message{Op: websocket.Text, Payload: []byte(p)}
}
func binary(p string) *websocket.Message {
	return &websocket.Message{Op: websocket.Binary, Payload: []byte(p)}
}
func pong(p string) *websocket.Message {
	return &websocket.Message{Op: websocket.Pong, Payload: []byte(p)}
}

// echo is one message that comes back as it went.
func echo(id, name string, op websocket.Opcode, payload string, piece int) Case {
	return Case{ID: id, Name: name, Steps: []Step{{Send: frame(op, payload), Piece: piece, Want: &websocket.Message{Op: op, Payload: []byte(payload)}}}}
}

var (
	wrong   = []int{websocket.ProtocolError}
	notText = []int{websocket.InvalidPayload}
	normal  = []int{websocket.NormalClosure}
)

// Cases are all of them.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{framing(), pings(), reservedBits(), opcodes(), fragments(), utf8Cases(), closes(), limits(), autofragment(), compression()} {
		all = append(all, group...)
	}
	return all
}

// framing is section 1: payloads of every form of length.
func framing() []Case {
	var cs []Case
	sizes := []int{0, 125, 126, 127, 128, 65535, 65536}
	for section, op := range map[int]websocket.Opcode{1: websocket.Text, 2: websocket.Binary} {
		fill := "*"
		if op == websocket.Binary {
			fill = "\xfe"
		}
		for i, n := range sizes {
			cs = append(cs, echo(fmt.Sprintf("1.%d.%d", section, i+1), fmt.Sprintf("%s of %d bytes", op, n), op, strings.Repeat(fill, n), 0))
		}
		cs = append(cs, echo(fmt.Sprintf("1.%d.8", section), "65536 bytes in pieces of 997", op, strings.Repeat(fill, 65536), 997))
	}
	return cs
}

// pings is section 2.
func pings() []Case {
	ping := func(id, name, p string, piece int) Case {
		return Case{ID: id, Name: name, Steps: []Step{{Send: frame(websocket.Ping, p), Piece: piece, Want: pong(p)}}}
	}
	many := func(id string, piece int) Case {
		k := Case{ID: id, Name: "ten pings at once"}
		var all []byte
		for i := range 10 {
			all = append(all, frame(websocket.Ping, fmt.Sprint("payload-", i))...)
		}
		k.Steps = []Step{{Send: all, Piece: piece}}
		for i := range 10 {
			k.Steps = append(k.Steps, Step{Want: pong(fmt.Sprint("payload-", i))})
		}
		return k
	}
	full := strings.Repeat("\xfe", 125)
	return []Case{
		ping("2.1", "ping without payload", "", 0),
		ping("2.2", "ping with text", "Hello, world!", 0),
		ping("2.3", "ping with binary", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 0),
		ping("2.4", "ping of 125 bytes", full, 0),
		{ID: "2.5", Name: "ping of 126 bytes", Steps: []Step{{Send: frame(websocket.Ping, full+"x")}}, Close: wrong},
		ping("2.6", "ping of 125 bytes, byte by byte", full, 1),
		{ID: "2.7", Name: "pong that nobody asked for", Steps: []Step{{Send: frame(websocket.Pong, "")}, {Send: frame(websocket.Text, "a"), Want: text("a")}}},
		{ID: "2.8", Name: "pong with payload", Steps: []Step{{Send: frame(websocket.Pong, "unsolicited")}, {Send: frame(websocket.Text, "a"), Want: text("a")}}},
		{ID: "2.9", Name: "pong, then ping", Steps: []Step{{Send: frame(websocket.Pong, "unsolicited")}, {Send: frame(websocket.Ping, "ping"), Want: pong("ping")}}},
		many("2.10", 0), many("2.11", 1),
	}
}

// reservedBits is section 3.
func reservedBits() []Case {
	hello := frame(websocket.Text, "Hello")
	return []Case{
		{ID: "3.1", Name: "RSV 1 on text", Steps: []Step{{Send: reserved(1, websocket.Text, "Hello")}}, Close: wrong},
		{ID: "3.2", Name: "good text, then RSV 2", Steps: []Step{{Send: hello, Want: text("Hello")}, {Send: reserved(2, websocket.Text, "Hello")}, {Send: frame(websocket.Ping, "")}}, Close: wrong},
		{ID: "3.3", Name: "RSV 3", Steps: []Step{{Send: hello, Want: text("Hello")}, {Send: reserved(3, websocket.Text, "Hello")}}, Close: wrong},
		{ID: "3.4", Name: "RSV 4, byte by byte", Steps: []Step{{Send: hello, Piece: 1, Want: text("Hello")}, {Send: reserved(4, websocket.Text, "Hello"), Piece: 1}}, Close: wrong},
		{ID: "3.5", Name: "RSV 5 on binary", Steps: []Step{{Send: reserved(5, websocket.Binary, "\x00\xff")}}, Close: wrong},
		{ID: "3.6", Name: "RSV 6 on ping", Steps: []Step{{Send: reserved(6, websocket.Ping, "Hello")}}, Close: wrong},
		{ID: "3.7", Name: "RSV 7 on close", Steps: []Step{{Send: reserved(7, websocket.Close, "")}}, Close: wrong},
	}
}

// opcodes is section 4: reserved ones, alone, with payload, after a good message.
func opcodes() []Case {
	var cs []Case
	for i, op := range []websocket.Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		id := fmt.Sprintf("4.%d.%d", 1+i/5, 1+i%5)
		payload := []string{"", "reserved opcode payload", "", "payload", ""}[i%5]
		k := Case{ID: id, Name: fmt.Sprintf("opcode %d", op), Close: wrong}
		if i%5 >= 2 {
			k.Steps = []Step{{Send: frame(websocket.Text, "Hello"), Want: text("Hello")}}
		}
		k.Steps = append(k.Steps, Step{Send: join(frame(op, payload), frame(websocket.Ping, "")), Piece: i % 5 / 4})
		cs = append(cs, k)
	}
	return cs
}

// fragments is section 5.
func fragments() []Case {
	two := join(first(websocket.Text, "fragment1"), last("fragment2"))
	both := text("fragment1fragment2")
	mixed := join(first(websocket.Text, "fragment1"), frame(websocket.Ping, "ping"), last("fragment2"))
	return []Case{
		{ID: "5.1", Name: "fragmented ping", Steps: []Step{{Send: join(first(websocket.Ping, "fragment1"), last("fragment2"))}}, Close: wrong},
		{ID: "5.2", Name: "fragmented pong", Steps: []Step{{Send: join(first(websocket.Pong, "fragment1"), last("fragment2"))}}, Close: wrong},
		{ID: "5.3", Name: "two fragments", Steps: []Step{{Send: first(websocket.Text, "fragment1"), Pause: 5 * time.Millisecond}, {Send: last("fragment2"), Want: both}}},
		{ID: "5.4", Name: "two fragments at once", Steps: []Step{{Send: two, Want: both}}},
		{ID: "5.5", Name: "two fragments byte by byte", Steps: []Step{{Send: two, Piece: 1, Want: both}}},
		{ID: "5.6", Name: "ping between fragments", Steps: []Step{{Send: join(first(websocket.Text, "fragment1"), frame(websocket.Ping, "ping")), Want: pong("ping")}, {Send: last("fragment2"), Want: both}}},
		{ID: "5.7", Name: "the same at once", Steps: []Step{{Send: mixed, Want: pong("ping")}, {Want: both}}},
		{ID: "5.8", Name: "the same byte by byte", Steps: []Step{{Send: mixed, Piece: 1, Want: pong("ping")}, {Want: both}}},
		{ID: "5.9", Name: "final continuation without a message", Steps: []Step{{Send: join(last("non-continuation payload"), frame(websocket.Text, "Hello"))}}, Close: wrong},
		{ID: "5.10", Name: "the same in another packet", Steps: []Step{{Send: last("non-continuation payload")}, {Send: frame(websocket.Text, "Hello")}}, Close: wrong},
		{ID: "5.11", Name: "the same byte by byte", Steps: []Step{{Send: join(last("non-continuation payload"), frame(websocket.Text, "Hello")), Piece: 1}}, Close: wrong},
		{ID: "5.12", Name: "continuation that is not final, without a message", Steps: []Step{{Send: join(more("non-continuation payload"), frame(websocket.Text, "Hello"))}}, Close: wrong},
		{ID: "5.13", Name: "the same in another packet", Steps: []Step{{Send: more("non-continuation payload")}, {Send: frame(websocket.Text, "Hello")}}, Close: wrong},
		{ID: "5.14", Name: "the same byte by byte", Steps: []Step{{Send: more("non-continuation payload"), Piece: 1}}, Close: wrong},
		{ID: "5.15", Name: "continuation after the end of a message", Steps: []Step{{Send: two, Want: both}, {Send: join(more("fragment3"), last("fragment4"))}}, Close: wrong},
		{ID: "5.16", Name: "continuations before and after texts", Steps: []Step{{Send: join(more("fragment1"), first(websocket.Text, "fragment2"), last("fragment3"))}}, Close: wrong},
		{ID: "5.17", Name: "final continuation before a text", Steps: []Step{{Send: join(last("fragment1"), first(websocket.Text, "fragment2"), last("fragment3"))}}, Close: wrong},
		{ID: "5.18", Name: "a second text in place of a continuation", Steps: []Step{{Send: join(first(websocket.Text, "fragment1"), frame(websocket.Text, "fragment2"))}}, Close: wrong},
		{ID: "5.19", Name: "five fragments with pings, slowly", Steps: []Step{
			{Send: join(first(websocket.Text, "1"), more("2"), frame(websocket.Ping, "ping1")), Want: pong("ping1"), Pause: 20 * time.Millisecond},
			{Send: join(more("3"), more("4"), frame(websocket.Ping, "ping2"), last("5")), Want: pong("ping2")}, {Want: text("12345")}}},
		{ID: "5.20", Name: "the same, each frame alone", Steps: []Step{{Send: first(websocket.Text, "1")}, {Send: more("2")}, {Send: frame(websocket.Ping, "ping1"), Want: pong("ping1")},
			{Send: more("3")}, {Send: more("4")}, {Send: frame(websocket.Ping, "ping2"), Want: pong("ping2")}, {Send: last("5"), Want: text("12345")}}},
	}
}

// closes is section 7.
func closes() []Case {
	hello := frame(websocket.Text, "Hello World!")
	cs := []Case{
		{ID: "7.1.1", Name: "a message, then close", Steps: []Step{{Send: hello, Want: text("Hello World!")}, {Send: closing(1000, "")}}, Close: normal},
		{ID: "7.1.2", Name: "two closes", Steps: []Step{{Send: join(closing(1000, ""), closing(1000, ""))}}, Close: normal},
		{ID: "7.1.3", Name: "no pong after close", Steps: []Step{{Send: join(closing(1000, ""), frame(websocket.Ping, ""))}}, Close: normal},
		{ID: "7.1.4", Name: "no echo after close", Steps: []Step{{Send: join(closing(1000, ""), hello)}}, Close: normal},
		{ID: "7.1.5", Name: "close amid a message", Steps: []Step{{Send: join(first(websocket.Text, "fragment1"), closing(1000, ""), last("fragment2"))}}, Close: normal},
		{ID: "7.1.6", Name: "256 kB, then close", Steps: []Step{{Send: join(frame(websocket.Text, strings.Repeat("BAsd7&jh23", 26214)), hello, closing(1000, ""), frame(websocket.Ping, "")),
			Want: text(strings.Repeat("BAsd7&jh23", 26214))}, {Want: text("Hello World!")}}, Close: normal},
		{ID: "7.3.1", Name: "close without payload", Steps: []Step{{Send: frame(websocket.Close, "")}}, Close: []int{0}},
		{ID: "7.3.2", Name: "close with one byte", Steps: []Step{{Send: frame(websocket.Close, "a")}}, Close: wrong},
		{ID: "7.3.3", Name: "close with a status", Steps: []Step{{Send: closing(1000, "")}}, Close: normal},
		{ID: "7.3.4", Name: "close with a reason", Steps: []Step{{Send: closing(1000, "Hello World!")}}, Close: normal},
		{ID: "7.3.5", Name: "close with 123 bytes of reason", Steps: []Step{{Send: closing(1000, strings.Repeat("*", 123))}}, Close: normal},
		{ID: "7.3.6", Name: "close with 124 bytes of reason", Steps: []Step{{Send: closing(1000, strings.Repeat("*", 124))}}, Close: wrong},
		{ID: "7.5.1", Name: "reason that is not UTF-8", Steps: []Step{{Send: closing(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")}}, Close: notText},
	}
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cs = append(cs, Case{ID: fmt.Sprint("7.7.", i+1), Name: fmt.Sprint("valid status ", code), Steps: []Step{{Send: closing(code, "")}}, Close: []int{code}})
	}
	for i, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cs = append(cs, Case{ID: fmt.Sprint("7.9.", i+1), Name: fmt.Sprint("invalid status ", code), Steps: []Step{{Send: closing(code, "")}}, Close: wrong})
	}
	for i, code := range []int{5000, 65535} {
		cs = append(cs, Case{ID: fmt.Sprint("7.13.", i+1), Name: fmt.Sprint("status out of range ", code), Steps: []Step{{Send: closing(code, "")}}, Close: wrong})
	}
	return cs
}

// limits is section 9: large messages, in one frame, in fragments, in pieces,
// and many small ones. Sizes are a quarter of the suite's own largest.
func limits() []Case {
	var cs []Case
	for i, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		cs = append(cs, echo(fmt.Sprintf("9.1.%d", i+1), fmt.Sprintf("text of %d bytes", n), websocket.Text, strings.Repeat("*", n), 0),
			echo(fmt.Sprintf("9.2.%d", i+1), fmt.Sprintf("binary of %d bytes", n), websocket.Binary, strings.Repeat("\x00\xfe", n/2), 0))
	}
	for i, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		n := min(1<<20, size*4096)
		var all []byte
		for at := 0; at < n; at += size {
			h := head(websocket.Text)
			if at > 0 {
				h.Op = websocket.Continuation
			}
			h.Fin = at+size >= n
			all = websocket.AppendFrame(all, h, bytes.Repeat([]byte("*"), size))
		}
		cs = append(cs, Case{ID: fmt.Sprintf("9.3.%d", i+1), Name: fmt.Sprintf("%d bytes in fragments of %d", n, size),
			Steps: []Step{{Send: all, Want: text(strings.Repeat("*", n))}}})
	}
	for i, piece := range []int{64, 128, 256, 512, 1024, 2048} {
		cs = append(cs, echo(fmt.Sprintf("9.5.%d", i+1), fmt.Sprintf("256 kB in pieces of %d", piece), websocket.Text, strings.Repeat("*", 256<<10), piece))
	}
	for i, n := range []int{0, 16, 64, 256, 1024, 4096} {
		k := Case{ID: fmt.Sprintf("9.7.%d", i+1), Name: fmt.Sprintf("200 texts of %d bytes", n)}
		for range 200 {
			k.Steps = append(k.Steps, Step{Send: frame(websocket.Text, strings.Repeat("*", n)), Want: text(strings.Repeat("*", n))})
		}
		cs = append(cs, k)
		k = Case{ID: fmt.Sprintf("9.8.%d", i+1), Name: fmt.Sprintf("200 binaries of %d bytes", n)}
		for range 200 {
			k.Steps = append(k.Steps, Step{Send: frame(websocket.Binary, strings.Repeat("\xfe", n)), Want: binary(strings.Repeat("\xfe", n))})
		}
		cs = append(cs, k)
	}
	return cs
}

// autofragment is section 10.
func autofragment() []Case {
	p := strings.Repeat("*", 65536)
	var all []byte
	for at := 0; at < len(p); at += 1300 {
		h := head(websocket.Text)
		if at > 0 {
			h.Op = websocket.Continuation
		}
		h.Fin = at+1300 >= len(p)
		all = websocket.AppendFrame(all, h, []byte(p[at:min(at+1300, len(p))]))
	}
	return []Case{{ID: "10.1.1", Name: "64 kB in frames of 1300", Steps: []Step{{Send: all, Want: text(p)}}}}
}

// compression is sections 12 and 13: messages of many sizes and kinds, with
// every combination of parameters; an offer that cannot be met leaves the
// connection without compression, which is right, too.
func compression() []Case {
	var cs []Case
	kinds := []struct {
		op   websocket.Opcode
		fill func(n int) string
	}{
		{websocket.Text, func(n int) string { return strings.Repeat(`{"name":"Grüße","id":1234567890},`, n/33+1)[:n/33*33] }},
		{websocket.Binary, func(n int) string { return strings.Repeat("\x00\x01\xfe\xffabc", n/7+1)[:n] }},
		{websocket.Text, func(n int) string { return strings.Repeat("*", n) }},
		{websocket.Binary, noise},
	}
	for i, kind := range kinds {
		for j, n := range []int{16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072} {
			cs = append(cs, compressed(fmt.Sprintf("12.%d.%d", i+1, j+1), "permessage-deflate", kind.op, kind.fill(n), 20))
		}
	}
	for i, offer := range []string{
		"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover",
		"permessage-deflate; server_max_window_bits=9; client_max_window_bits",
		"permessage-deflate; server_max_window_bits=15; client_max_window_bits",
		"permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9",
		"permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=8, permessage-deflate",
	} {
		for j, n := range []int{16, 256, 4096, 16384, 65536} {
			cs = append(cs, compressed(fmt.Sprintf("13.%d.%d", i+1, j+1), offer, websocket.Text, kinds[0].fill(n), 10))
		}
	}
	// What the suite does not number: damage, and control frames with the bit.
	return append(cs,
		Case{ID: "12.6.1", Name: "damaged data", Extensions: "permessage-deflate", Steps: []Step{{Send: reserved(4, websocket.Text, "\xff\xff\xff\xff\x00garbage")}}, Close: []int{1002, 1007}},
		Case{ID: "12.6.2", Name: "compressed ping", Extensions: "permessage-deflate", Steps: []Step{{Send: reserved(4, websocket.Ping, "x")}}, Close: wrong},
		Case{ID: "12.6.3", Name: "bit on a continuation", Extensions: "permessage-deflate", Steps: []Step{{Send: join(first(websocket.Text, "a"), reserved(4, websocket.Continuation, "b"))}}, Close: wrong},
		Case{ID: "12.6.4", Name: "message that is not compressed", Extensions: "permessage-deflate", Steps: []Step{{Send: frame(websocket.Text, "plain"), Want: text("plain")}}},
		Case{ID: "12.6.5", Name: "compressed text that is not UTF-8", Extensions: "permessage-deflate", Compressed: true, Steps: []Step{{Send: frame(websocket.Text, "\xc3\x28")}}, Close: notText},
	)
}

func compressed(id, offer string, op websocket.Opcode, payload string, times int) Case {
	k := Case{ID: id, Name: fmt.Sprintf("%d × %d bytes", times, len(payload)), Extensions: offer, Compressed: true}
	for range times {
		k.Steps = append(k.Steps, Step{Send: frame(op, payload), Want: &websocket.Message{Op: op, Payload: []byte(payload)}})
	}
	return k
}

// noise does not compress.
func noise(n int) string {
	b, x := make([]byte, n), uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}
