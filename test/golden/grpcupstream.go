package golden

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/net/http2"
)

// serveHTTP2 is a gRPC server that echoes messages unless told otherwise; it uses
// the plain upstream's listener, TLS and script.
func (u *upstream) serveHTTP2(c net.Conn) {
	var notes []string
	if u.tls() {
		var ok bool
		if c, notes, ok = u.handshake(c, []string{"h2"}); !ok {
			return
		}
	}
	preface := make([]byte, len(http2.ClientPreface))
	if n, err := io.ReadFull(c, preface); err != nil || string(preface) != http2.ClientPreface {
		if n > 0 {
			line, _, _ := bytes.Cut(preface[:n], []byte("\r\n"))
			u.rec.add(u.name, fmt.Sprintf("(not HTTP/2: %q)", line))
		}
		return
	}
	conn := &grpcConn{h2conn: newH2(c), u: u, notes: notes, calls: map[uint32]*grpcCall{}}
	conn.hello()
	conn.read(conn.take)
	for _, call := range conn.calls {
		conn.cancelled(call)
	}
}

// grpcConn is the upstream's end of a connection.
type grpcConn struct {
	*h2conn
	u     *upstream
	notes []string // what the TLS handshake showed
	calls map[uint32]*grpcCall
}

type grpcCall struct {
	e        *entry
	body     []byte
	done     bool // the other side has ended
	answered bool
}

// cancelled notes a call given up, whether by RST_STREAM or by closing is no matter.
func (h *grpcConn) cancelled(s *grpcCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s != nil && !s.answered {
		s.answered = true
		h.u.rec.extend(s.e, "\n(cancelled)")
	}
}

func (h *grpcConn) take(f http2.Frame) bool {
	id := f.Header().StreamID
	s := h.calls[id]
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		if s == nil {
			h.begin(id, f)
			break
		}
		text := "\ntrailers:"
		for _, x := range f.Fields {
			text += "\n" + x.Name + ": " + x.Value
		}
		h.u.rec.extend(s.e, text)
		h.mu.Lock()
		s.done = true
		h.moved.Broadcast()
		h.mu.Unlock()
	case *http2.DataFrame:
		if s != nil {
			h.receive(s, f)
		}
	case *http2.RSTStreamFrame:
		h.cancelled(s)
		h.finish(id)
	}
	return true
}

// begin notes a call and answers it in the background.
func (h *grpcConn) begin(id uint32, f *http2.MetaHeadersFrame) {
	head := f.PseudoValue("method") + " " + f.PseudoValue("path") + " HTTP/2\n"
	for _, n := range h.notes {
		head += n + "\n"
	}
	for _, x := range f.Fields {
		// content-length depends on how much of the body was there when the head went out
		if x.Name != ":method" && x.Name != ":path" && x.Name != "content-length" {
			head += x.Name + ": " + x.Value + "\n"
		}
	}
	s := &grpcCall{e: h.u.rec.add(h.u.name, head), done: f.StreamEnded()}
	h.calls[id] = s
	h.open(id)
	go func() {
		answered := func() {
			h.mu.Lock()
			s.answered = s.answered || !h.over
			h.mu.Unlock()
		}
		defer answered()
		h.u.answerGRPC(h.h2conn, id, func() ([]byte, bool) { return s.body, s.done }, answered)
	}()
}

// receive notes each message when it is complete.
func (h *grpcConn) receive(s *grpcCall, f *http2.DataFrame) {
	h.mu.Lock()
	before, _ := splitMessages(s.body)
	s.body = append(s.body, f.Data()...)
	after, rest := splitMessages(s.body)
	s.done = f.StreamEnded()
	h.moved.Broadcast()
	h.mu.Unlock()
	for _, m := range after[len(before):] {
		h.u.rec.extend(s.e, "\n"+showMessages(m))
	}
	if f.StreamEnded() && len(rest) > 0 {
		h.u.rec.extend(s.e, "\n"+showMessages(rest))
	}
}

// answerGRPC plays the step's reply on a stream; got gives what has come of the request and whether that is all.
func (u *upstream) answerGRPC(h *h2conn, id uint32, got func() ([]byte, bool), answered func()) {
	rep := u.next()
	if string(rep) == defaultReply {
		rep = []byte("HTTP/2 200\ncontent-type: application/grpc\n\necho\ntrailers:\ngrpc-status: 0\n")
	}
	if !bytes.Contains(rep, []byte("\nwait\n")) && !bytes.Contains(rep, []byte("\necho\n")) {
		h.play(id, []act{{verb: "all"}}, got)
	}
	rep = delayed(rep)
	if bytes.HasPrefix(rep, []byte("CLOSE")) {
		answered()
		h.Close()
		return
	}
	if bytes.HasPrefix(rep, []byte("RESET")) {
		code := strings.TrimSpace(string(rep[5:]))
		h.play(id, []act{{verb: "reset", arg: code}}, got)
		return
	}
	m := parseH2(rep, true, "", options{})
	if len(m.body) == 0 && len(m.trailers) == 0 {
		h.headers(id, m.fields, true)
		return
	}
	if h.headers(id, m.fields, false) != nil || !h.play(id, parseScript(m.body), got) {
		return
	}
	if len(m.trailers) > 0 {
		h.headers(id, m.trailers, true)
	} else {
		h.data(id, nil, true)
	}
}
