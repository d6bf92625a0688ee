package golden

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// step of a gRPC conversation, one a line:
//
//	"text"        one message, a Go-quoted string      hex 0a0161   one message, hex
//	compressed …  either of them with the compressed flag set
//	raw 0000      bytes without a message's prefix
//	wait          until one more message has come      sleep 200ms
//	echo          (upstream) each message that comes, until the other side ends
//	all           (upstream) read until the other side ends; the default without wait and echo
//	reset [CODE]  RST_STREAM                           goaway       (upstream)
type act struct {
	verb string
	data []byte
	arg  string
}

func parseScript(b []byte) []act {
	var out []act
	for _, l := range strings.Split(string(b), "\n") {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		flag := byte(0)
		if r, ok := strings.CutPrefix(l, "compressed "); ok {
			flag, l = 1, r
		}
		verb, arg, _ := strings.Cut(l, " ")
		a := act{verb: verb, arg: arg}
		var data []byte
		switch {
		case strings.HasPrefix(l, `"`):
			s, err := strconv.Unquote(l)
			if err != nil {
				panic("bad message: " + l)
			}
			a.verb, data = "message", []byte(s)
		case verb == "hex":
			a.verb, data = "message", unhex(arg)
		case verb == "raw":
			a.data = unhex(arg)
		}
		if a.verb == "message" {
			a.data = binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(data)))
			a.data = append(a.data, data...)
		}
		out = append(out, a)
	}
	return out
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic("bad hex: " + s)
	}
	return b
}

// splitMessages cuts length-prefixed messages; rest is what is left over.
func splitMessages(b []byte) (msgs [][]byte, rest []byte) {
	for len(b) >= 5 {
		n := 5 + int(binary.BigEndian.Uint32(b[1:5]))
		if len(b) < n {
			break
		}
		msgs = append(msgs, b[:n])
		b = b[n:]
	}
	return msgs, b
}

func showMessages(b []byte) string {
	var out []string
	msgs, rest := splitMessages(b)
	for _, m := range msgs {
		flag := ""
		if m[0] != 0 {
			flag = "compressed "
		}
		if data := m[5:]; len(data) > 1024 {
			out = append(out, "message "+flag+sum(data))
		} else {
			out = append(out, fmt.Sprintf("message %s%q", flag, data))
		}
	}
	if len(rest) > 0 {
		out = append(out, fmt.Sprintf("not a message %q", rest))
	}
	return strings.Join(out, "\n")
}

// play runs a script on a stream; got gives what has come so far and whether it was all.
// It says false when the stream was reset.
func (h *h2conn) play(id uint32, script []act, got func() ([]byte, bool)) bool {
	seen := 0
	more := func() [][]byte { // the messages beyond the seen ones; nil: no more will come
		h.mu.Lock()
		defer h.mu.Unlock()
		for {
			b, done := got()
			msgs, _ := splitMessages(b)
			if len(msgs) > seen {
				return msgs[seen:]
			}
			if _, ok := h.windows[id]; done || h.over || !ok {
				return nil
			}
			h.moved.Wait()
		}
	}
	for _, a := range script {
		switch a.verb {
		case "message", "raw":
			if h.data(id, a.data, false) != nil {
				return false
			}
		case "wait":
			if m := more(); m != nil {
				seen++
			}
		case "echo":
			for m := more(); m != nil; m = more() {
				for _, b := range m {
					seen++
					if h.data(id, b, false) != nil {
						return false
					}
				}
			}
		case "all": // the other side's end
			for m := more(); m != nil; m = more() {
				seen += len(m)
			}
		case "sleep":
			d, _ := time.ParseDuration(a.arg)
			time.Sleep(d)
		case "reset":
			code := http2.ErrCodeCancel
			for c := http2.ErrCodeNo; c <= http2.ErrCodeHTTP11Required; c++ {
				if c.String() == a.arg {
					code = c
				}
			}
			h.reset(id, code)
			return false
		case "goaway":
			h.mu.Lock()
			h.fr.WriteGoAway(id, http2.ErrCodeNo, nil)
			h.mu.Unlock()
		default:
			panic("unknown line in a gRPC script: " + a.verb)
		}
	}
	return true
}
