package golden

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2message is a request or answer as written in a case: a first line, headers, a body, trailers.
// A head that begins with `:` is a list of header fields, sent as they stand.
type h2message struct {
	fields   []hpack.HeaderField
	body     []byte
	trailers []hpack.HeaderField
}

func parseH2(b []byte, response bool, scheme string, o options) h2message {
	var m h2message
	head, body, _ := strings.Cut(string(b), "\n\n")
	if strings.HasPrefix(body, "trailers:\n") {
		body = "\n" + body
	}
	body, trailers, _ := strings.Cut(body, "\ntrailers:\n")
	if !o.has("keepnl") {
		body = strings.TrimSuffix(body, "\n")
	}
	m.body = []byte(body)
	field := func(l string) hpack.HeaderField {
		i := strings.Index(l[1:], ":") + 1
		if i == 0 {
			i = len(l)
			l += ":"
		}
		v := strings.TrimPrefix(l[i+1:], " ")
		if v == "auto" && strings.EqualFold(l[:i], "content-length") {
			v = strconv.Itoa(len(m.body))
		}
		return hpack.HeaderField{Name: l[:i], Value: v}
	}
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	switch {
	case strings.HasPrefix(lines[0], ":"):
		for _, l := range lines {
			m.fields = append(m.fields, field(l))
		}
	case response:
		_, status, _ := strings.Cut(lines[0], " ")
		status, _, _ = strings.Cut(status, " ")
		m.fields = append(m.fields, hpack.HeaderField{Name: ":status", Value: status})
	default:
		w := strings.Fields(lines[0])
		m.fields = append(m.fields, hpack.HeaderField{Name: ":method", Value: w[0]},
			hpack.HeaderField{Name: ":scheme", Value: scheme}, hpack.HeaderField{Name: ":path", Value: w[1]})
	}
	if !strings.HasPrefix(lines[0], ":") {
		for _, l := range lines[1:] {
			f := field(l)
			f.Name = strings.ToLower(f.Name)
			if f.Name == "host" {
				m.fields = append(m.fields[:1], append([]hpack.HeaderField{{Name: ":authority", Value: f.Value}}, m.fields[1:]...)...)
				continue
			}
			m.fields = append(m.fields, f)
		}
	}
	for _, l := range strings.Split(strings.TrimSpace(trailers), "\n") {
		if l != "" {
			m.trailers = append(m.trailers, field(l))
		}
	}
	return m
}

// h2stream is what the client sees of one answer. The connection's mutex guards it.
type h2stream struct {
	heads    []string // interim heads, then the final one
	body     []byte
	trailers []string
	note     string
	done     bool
	left     bool // we reset it
}

func (s *h2stream) text(o options) string {
	body := string(s.body)
	if o.has("grpc") {
		body = showMessages(s.body)
	} else if o.has("brief") && len(s.body) > 1024 {
		body = sum(s.body)
	}
	out := strings.Join(s.heads, "\n\n=====\n") + "\n\n" + body
	if len(s.heads) == 0 {
		out = ""
	}
	if len(s.trailers) > 0 {
		out = strings.TrimSuffix(out, "\n") + "\ntrailers:\n" + strings.Join(s.trailers, "\n")
	}
	if s.note != "" {
		out = strings.TrimSpace(strings.TrimSuffix(out, "\n") + "\n(" + s.note + ")")
	}
	return out
}

// h2client is the client's end of a connection with one stream a request: 1, 3, 5 …
type h2client struct {
	*h2conn
	o       options
	streams []*h2stream
	left    int // streams that have not ended
}

// exchangeHTTP2 sends the requests (split by a line `=====`) as streams of one connection.
func exchangeHTTP2(addr string, text []byte, o options) string {
	c, shown, err := dial(addr, o)
	if err != nil {
		return "(dial: " + err.Error() + ")"
	}
	defer c.Close()
	scheme := "http"
	if o.secure() {
		scheme = "https"
	}
	c.SetDeadline(time.Now().Add(15 * time.Second))
	h := &h2client{h2conn: newH2(c), o: o}
	io.WriteString(c, http2.ClientPreface)
	h.hello(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	parts := strings.Split(string(text), "\n=====\n")
	for range parts {
		h.streams = append(h.streams, &h2stream{})
	}
	h.left = len(parts)
	for i, p := range parts {
		h.send(uint32(2*i+1), parseH2([]byte(p), false, scheme, o))
	}
	err = h.read(h.take)
	var out []string
	if shown != "" {
		out = append(out, shown)
	}
	for _, s := range h.streams {
		if !s.done {
			s.note = unfinished(s, err)
		}
		out = append(out, s.text(o))
	}
	return strings.Join(out, "\n=====\n")
}

func unfinished(s *h2stream, err error) string {
	var ne net.Error
	switch {
	case s.left:
		return "reset by the client"
	case err == nil || err == io.EOF:
		return "connection closed"
	case errors.As(err, &ne):
		return "connection: " + errorName(err)
	}
	return "connection: " + err.Error()
}

// send begins a stream; a body goes out in the background, as flow control lets it.
func (h *h2client) send(id uint32, m h2message) {
	h.open(id)
	bare := len(m.body) == 0 && len(m.trailers) == 0 && !h.o.has("grpc")
	h.headers(id, m.fields, bare)
	if bare {
		return
	}
	go func() {
		if !h.o.has("grpc") {
			if h.data(id, m.body, len(m.trailers) == 0) == nil && len(m.trailers) > 0 {
				h.headers(id, m.trailers, true)
			}
			return
		}
		s := h.stream(id)
		if !h.play(id, parseScript(m.body), func() ([]byte, bool) { return s.body, s.done }) {
			h.mu.Lock()
			s.left = true
			h.mu.Unlock()
			time.Sleep(200 * time.Millisecond)
			h.SetReadDeadline(time.Now())
		} else if len(m.trailers) > 0 {
			h.headers(id, m.trailers, true)
		} else {
			h.data(id, nil, true)
		}
	}()
}

func (h *h2client) stream(id uint32) *h2stream {
	if i := int(id-1) / 2; id%2 == 1 && i < len(h.streams) {
		return h.streams[i]
	}
	return nil
}

// end marks a stream as over; the mutex is held.
func (h *h2client) end(id uint32, note string) {
	s := h.stream(id)
	if s == nil || s.done {
		return
	}
	s.done, s.note = true, note
	h.left--
	h.finishLocked(id)
}

// take handles one frame and says whether more are awaited.
func (h *h2client) take(f http2.Frame) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := f.Header().StreamID
	s := h.stream(id)
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		if s == nil || s.done {
			break
		}
		s.takeHeaders(f)
		if f.StreamEnded() {
			h.end(id, "")
		}
	case *http2.DataFrame:
		if s == nil {
			break
		}
		s.body = append(s.body, f.Data()...)
		if f.StreamEnded() {
			h.end(id, "")
		}
		h.moved.Broadcast()
	case *http2.RSTStreamFrame:
		h.end(id, "RST_STREAM "+f.ErrCode.String())
	case *http2.GoAwayFrame:
		for i := range h.streams {
			if id := uint32(2*i + 1); id > f.LastStreamID || f.ErrCode != http2.ErrCodeNo {
				h.end(id, "GOAWAY "+f.ErrCode.String())
			}
		}
	}
	return h.left > 0
}

// takeHeaders notes a head or, without a status, the trailers.
func (s *h2stream) takeHeaders(f *http2.MetaHeadersFrame) {
	status := f.PseudoValue("status")
	if status == "" {
		for _, x := range f.Fields {
			s.trailers = append(s.trailers, x.Name+": "+x.Value)
		}
		return
	}
	head := "HTTP/2 " + status
	for _, x := range f.RegularFields() {
		head += "\n" + x.Name + ": " + x.Value
	}
	s.heads = append(s.heads, head)
}
