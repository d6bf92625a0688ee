package http2

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

const plain = ":method: GET|:scheme: http|:authority: a.test|:path: /x"

func TestRequestHeads(t *testing.T) {
	for _, c := range []struct{ name, fields, want string }{
		{"plain", plain + "|accept: */*", "host: a.test|accept: */*"},
		{"no field but host", plain, "host: a.test"},
		{"host alone", ":method: GET|:scheme: http|:path: /x|host: b.test|a: b", "host: b.test|a: b"},
		{"host as authority", plain + "|a: b|host: A.test", "host: a.test|a: b"},
		{"cookies", plain + "|cookie: a=b|x: y|cookie: c=d", "host: a.test|x: y|cookie: a=b; c=d"},
		{"te", plain + "|te: trailers", "host: a.test|te: trailers"},
		{"empty value", plain + "|a: ", "host: a.test|a: "},
		{"odd name", plain + "|a~b: c|a_b: d", "host: a.test|a_b: d"},
		{"connect", ":method: CONNECT|:authority: a.test:443", "host: a.test:443"},
		{"options", ":method: OPTIONS|:scheme: http|:authority: a.test|:path: *", "host: a.test"},
		{"host and authority differ", plain + "|host: b.test", ""},
		{"host twice", ":method: GET|:scheme: http|:path: /x|host: b.test|host: b.test", ""},
		{"neither", ":method: GET|:scheme: http|:path: /x", ""},
		{"bad authority", strings.Replace(plain, "a.test", "a test", 1), ""},
		{"user in authority", strings.Replace(plain, "a.test", "u@a.test", 1), ""},
		{"bad host", ":method: GET|:scheme: http|:path: /x|host: a/b", ""},
		{"path without slash", strings.Replace(plain, "/x", "x", 1), "host: a.test"},
		{"path with a blank", strings.Replace(plain, "/x", "/x HTTP/1.1", 1), ""},
		{"path with CR", strings.Replace(plain, "/x", "/x\r", 1), ""},
		{"star", strings.Replace(plain, "/x", "*", 1), ""},
		{"empty path", strings.Replace(plain, "/x", "", 1), ""},
		{"bad method", strings.Replace(plain, "GET", "G T", 1), ""},
		{"method twice", ":method: GET|" + plain, ""},
		{"no path", ":method: GET|:scheme: http|:authority: a.test", ""},
		{"status", plain + "|:status: 200", ""},
		{"unknown", plain + "|:x: y", ""},
		{"late pseudo", plain + "|a: b|:path: /y", ""},
		{"upper case", plain + "|Ab: c", ""},
		{"blank in name", plain + "|a b: c", ""},
		{"connection", plain + "|connection: close", ""},
		{"transfer-encoding", plain + "|transfer-encoding: chunked", ""},
		{"upgrade", plain + "|upgrade: x", ""},
		{"te gzip", plain + "|te: gzip", ""},
		{"LF", plain + "|a: b\nc: d", ""},
		{"NUL", plain + "|a: b\x00", ""},
		{"blank in front", plain + "|a:  b", ""},
		{"blank behind", plain + "|a: b ", ""},
		{"length twice", plain + "|content-length: 1|content-length: 1", ""},
		{"length no number", plain + "|content-length: +1", ""},
		{"length missing", plain + "|content-length: 1", ""},
		{"connect with path", ":method: CONNECT|:authority: a.test|:path: /|:scheme: http", ""},
		{"protocol", ":method: CONNECT|:authority: a.test|:path: /|:scheme: http|:protocol: websocket", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMem(t, true, Options{})
			got := ""
			m.on.head = func(s *Stream, h *Head) { got = fieldsOf(h); m.answer(s); s.Close() }
			m.headers(1, true, strings.Split(c.fields, "|")...)
			if err := m.feed(); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.want == "" {
				m.wantSent("1 RST PROTOCOL_ERROR")
			}
			m.get(3, true) // the connection goes on
			if err := m.feed(); err != nil || got != "host: a.test" {
				t.Errorf("next request: %q, %v", got, err)
			}
		})
	}
}

func fieldsOf(h *Head) string {
	var list []string
	for _, f := range h.Fields {
		list = append(list, string(h.Buf[f.Name.Off:f.Name.Off+uint32(f.Name.Len)])+": "+string(h.Text(f.Value)))
	}
	return strings.Join(list, "|")
}

func TestResponseHeads(t *testing.T) {
	for _, c := range []struct {
		fields string
		end    bool
		want   string
	}{
		{":status: 200|a: b", true, "1 head 200"},
		{":status: 304|content-length: 7", true, "1 head 304"},
		{":status: 20", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 099", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 101", false, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 100", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{"a: b", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 200|:path: /", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 200|connection: close", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
		{":status: 200|content-length: 7", true, "1 reset PROTOCOL_ERROR remote=false unprocessed=false"},
	} {
		m := newMem(t, false, Options{})
		m.openRequest("GET", true)
		m.headers(1, c.end, strings.Split(c.fields, "|")...)
		_ = m.feed()
		m.wantEvents(c.want)
	}
}

// TestAdopt: a head that was received goes to an HTTP/1.1 peer in one run.
func TestAdopt(t *testing.T) {
	var pool message.Pool
	defer pool.Close()
	var x message.Exchange
	if err := x.Begin(&pool); err != nil {
		t.Fatal(err)
	}
	defer x.End()
	m := newMem(t, true, Options{})
	m.on.head = func(s *Stream, h *Head) {
		base, err := h.Adopt(x.Shared, &x.Request)
		if err != nil {
			t.Fatal(err)
		}
		if p := x.View(message.Str{Off: h.Path.Off + base, Len: h.Path.Len}); p != "/x" {
			t.Errorf("path %q", p)
		}
	}
	m.get(1, true, "content-type: text/plain", "x-y: z", "proxy: no")
	_ = m.feed()
	if f := x.FindID(&x.Request, message.HeaderContentType); f == nil || x.View(f.Value) != "text/plain" {
		t.Error("content-type is lost")
	}
	got := string(http1.AppendFields(nil, x.Shared, &x.Request, new([256]bool)))
	if want := "host: a.test\r\ncontent-type: text/plain\r\nx-y: z\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHeaderLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		fields []string
		want   string
	}{
		{"field", Options{MaxField: 100}, []string{"a: " + strings.Repeat("x", 100)}, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"list", Options{MaxHeaderList: 1000}, []string{"a: " + strings.Repeat("x", 400), "b: " + strings.Repeat("x", 400)}, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"count", Options{MaxFields: 6}, []string{"a: b", "a: b", "a: b"}, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"inside", Options{MaxFields: 7, MaxHeaderList: 1000}, []string{"a: b", "a: b", "a: b"}, "1 HEADERS :status=200 END"},
	} {
		m := newMem(t, true, c.o)
		m.on.head = func(s *Stream, h *Head) { m.answer(s); s.Close() }
		m.get(1, true, c.fields...)
		_ = m.feed()
		m.t = t
		m.wantSent(c.want)
	}
}

// TestHPACKBomb: a block that refers to one large entry again and again costs
// no memory and ends the connection.
func TestHPACKBomb(t *testing.T) {
	m := newMem(t, true, Options{})
	m.on.head = func(s *Stream, h *Head) { t.Error("taken") }
	b := append([]byte{}, m.block(":method: GET", ":scheme: http", ":authority: a.test", ":path: /x", "a: "+strings.Repeat("x", 3500))...)
	for i := 0; i < 10_000; i++ {
		b = append(b, 0x80|62)
	}
	_ = m.fr.WriteRawFrame(1, 0x4|0x1, 1, b)
	if err := m.feed(); err == nil {
		t.Error("no error")
	}
	if n := cap(m.c.pool.head.Buf); n > 128<<10 {
		t.Errorf("scratch memory of %d bytes", n)
	}
}
