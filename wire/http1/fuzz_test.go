package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// The fuzz targets compare with net/http: what this package accepts, that
// parser must accept too, with the same fields and the same body. An upstream
// or a client that reads a message another way is how requests are smuggled.

func FuzzRequest(f *testing.F) {
	for _, s := range []string{curlRequest, wrkRequest, webRequest,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\nGET /",
		"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
		"\r\nGET  /  HTTP/1.10\r\nhost:a\r\nConnection: close, X\r\nX:\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "\x16\x03\x01\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Line: 300, Total: 1000, Fields: 30}
		n, err := Complete(b, 0)
		if err != nil {
			partialOnlyGetsWorse(t, b, &lim)
			return
		}
		var h Head
		err = h.ParseRequest(b, n, &lim)
		for _, k := range []int{n / 4, n / 2, n - 1} {
			if e := CheckPartial(b[:k], &lim); e != nil && err == nil {
				t.Fatalf("%d of %d bytes were refused with %v, all are accepted", k, n, e)
			}
			if m, e := Complete(b[:k], 0); e == nil {
				t.Fatalf("a head of %d bytes was complete at %d", n, m)
			} else if m, e = Complete(b, m); m != n || e != nil {
				t.Fatalf("after %d bytes, the head of %d ends at %d, %v", k, n, m, e)
			}
		}
		if err != nil {
			return
		}
		if h.Len != n {
			t.Fatalf("Len %d, want %d", h.Len, n)
		}
		compareRequest(t, &h, b)
	})
}

func partialOnlyGetsWorse(t *testing.T, b []byte, lim *Limits) {
	if CheckPartial(b[:len(b)/2], lim) != nil && CheckPartial(b, lim) == nil {
		t.Fatalf("%q was refused, but not with more behind", b[:len(b)/2])
	}
}

func compareRequest(t *testing.T, h *Head, b []byte) {
	if h.Minor > 9 { // two digits are more than net/http takes
		return
	}
	// The request line is written as the gateway writes it, with a target that
	// net/url has no objections to.
	text := string(b[h.Method.Off:h.Method.Off+h.Method.Len]) + " / HTTP/1." + string(rune('0'+h.Minor)) + "\r\n"
	i := emptyLines(b)
	text += string(b[i+bytes.IndexByte(b[i:], '\n')+1:])
	for _, f := range h.Fields {
		if f.ID == message.HeaderTrailer {
			return // net/http refuses some
		}
	}
	if oddNames(text) {
		return // net/http refuses what nginx takes and leaves out
	}
	r, err := http.ReadRequest(bufio.NewReaderSize(strings.NewReader(text), 128<<10))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", text, err)
	}
	if r.Close == h.KeepAlive {
		t.Fatalf("close %v, keep-alive %v", r.Close, h.KeepAlive)
	}
	switch chunked := len(r.TransferEncoding) > 0; {
	case chunked != (h.Body == message.BodyChunked),
		h.Body == message.BodyLength && r.ContentLength != h.Length,
		h.Body == message.BodyNone && r.ContentLength != 0:
		t.Fatalf("net/http has %v and length %d, we %d and %d", r.TransferEncoding, r.ContentLength, h.Body, h.Length)
	}
	if h.Host >= 0 && r.Host != string(value(h, b, h.Host)) {
		t.Fatalf("Host %q", r.Host)
	}
	compareFields(t, h, b, r.Header)
	compareBody(t, h, b, r.Body)
}

// oddNames says whether a field line has no colon, or a name that is no token.
func oddNames(text string) bool {
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	for i, line := range strings.Split(head, "\r\n") {
		name, _, ok := strings.Cut(line, ":")
		odd := func(r rune) bool { return r > 127 || nameClass[r] == 0 }
		if i > 0 && (!ok || strings.ContainsFunc(name, odd)) {
			return true
		}
	}
	return false
}

func value(h *Head, b []byte, i int) []byte {
	v := h.Fields[i].Value
	return b[v.Off : v.Off+v.Len]
}

// compareFields finds every field of h in the other parser's table.
func compareFields(t *testing.T, h *Head, b []byte, theirs http.Header) {
	ours := http.Header{}
	for i, f := range h.Fields {
		switch f.ID {
		case message.HeaderHost, message.HeaderTransferEncoding, message.HeaderContentLength:
			continue
		}
		ours.Add(string(b[f.Name.Off:f.Name.Off+uint32(f.Name.Len)]), string(value(h, b, i)))
	}
	for name, values := range ours {
		if !slices.Equal(values, theirs[name]) {
			t.Fatalf("%s: %q, net/http has %q", name, values, theirs[name])
		}
	}
}

// compareBody decodes what follows the head, and if it is a whole body, the
// other parser must have the same.
func compareBody(t *testing.T, h *Head, b []byte, theirs io.Reader) {
	var d Decoder
	d.Begin(h.Body, h.Length)
	var ours []byte
	for rest := b[h.Len:]; !d.Done(); {
		data, n, err := d.Decode(rest)
		if err != nil {
			return
		}
		if n == 0 && !d.EOF() {
			return
		}
		ours = append(ours, data...)
		rest = rest[n:]
	}
	got, err := io.ReadAll(theirs)
	if err != nil || !bytes.Equal(got, ours) {
		t.Fatalf("body %q, net/http has %q, %v", ours, got, err)
	}
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{webResponse,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200",
		"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil close",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n", "garbage\r\n\r\n",
	} {
		f.Add([]byte(s), false)
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		lim := Limits{Total: 1000, Fields: 30}
		n, err := Complete(b, 0)
		if err != nil {
			return
		}
		var h Head
		err = h.ParseResponse(b, n, &lim, head)
		for _, k := range []int{n / 4, n / 2, n - 1} {
			if e := CheckPartialResponse(b[:k], &lim); e != nil && err == nil {
				t.Fatalf("%d of %d bytes were refused with %v, all are accepted", k, n, e)
			}
		}
		if err != nil || h.Minor == 0 && h.Body == message.BodyChunked { // net/http does not believe in that
			return
		}
		for _, f := range h.Fields {
			if f.ID == message.HeaderTrailer {
				return
			}
		}
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(b), 128<<10), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if r.StatusCode != h.Status {
			t.Fatalf("status %d, net/http has %d", h.Status, r.StatusCode)
		}
		if h.KeepAlive && r.Close {
			t.Fatal("net/http closes, we do not")
		}
		compareFields(t, &h, b, r.Header)
		compareBody(t, &h, b, r.Body)
	})
}

func FuzzChunked(f *testing.F) {
	for _, s := range []string{"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\nGET", "A;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "3 \r\nabc\r\n00\r\n\r\n", "3\nabc\n0\n\n", "ffffffffffffffff\r\n", "0\r\nbad\r\n\r\n"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, step uint8) {
		var d Decoder
		d.Begin(message.BodyChunked, -1)
		body, used, err := decode(&d, s, len(s), 1)
		if err == nil && used != len(s) && !d.Done() {
			t.Fatalf("%d of %d bytes used", used, len(s))
		}
		for _, k := range []int{1, int(step%16) + 1} {
			var e Decoder
			e.Begin(message.BodyChunked, -1)
			b2, u2, err2 := decode(&e, s, min(k, len(s)), k)
			if err2 != err || b2 != body || err == nil && u2 != used || e.Done() != d.Done() || d.Done() && string(e.Trailer) != string(d.Trailer) {
				t.Fatalf("by %d: %q %d %v, at once %q %d %v", k, b2, u2, err2, body, used, err)
			}
		}
		gathered(t, s, body, err)
		if err != nil || !d.Done() {
			return
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(s)))
		if err != nil || string(theirs) != body {
			t.Fatalf("%q: net/http has %q, %v", body, theirs, err)
		}
	})
}

// gathered compares Gather with the body and the error that Decode gave.
func gathered(t *testing.T, s, body string, err error) {
	var d Decoder
	d.Begin(message.BodyChunked, -1)
	var got []byte
	var e error
	for b := []byte(s); len(b) > 0 && e == nil && !d.Done(); {
		data, n, ge := d.Gather(b)
		got, e, b = append(got, data...), ge, b[n:]
	}
	if string(got) != body || e != err {
		t.Fatalf("gathered %q, %v; decoded %q, %v", got, e, body, err)
	}
}
