package http1

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// parseRequest parses text as a connection does: when it is complete.
func parseRequest(text string, lim Limits) (*Head, error) {
	b := []byte(text)
	n, err := Complete(b, 0)
	if err != nil {
		if e := CheckPartial(b, &lim); e != nil {
			err = e
		}
		return nil, err
	}
	var h Head
	return &h, h.ParseRequest(b, n, &lim)
}

// name and value of field i of a head that was parsed from text.
func field(h *Head, text string, i int) string {
	f := h.Fields[i]
	return text[f.Name.Off:f.Name.Off+uint32(f.Name.Len)] + "=" + text[f.Value.Off:f.Value.Off+f.Value.Len]
}

func str(text string, s message.Str) string { return text[s.Off : s.Off+s.Len] }

func TestRequestAccepted(t *testing.T) {
	for _, one := range []struct {
		name, text string
		want       string // method target minor body length keep host-index
		fields     string
	}{
		{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / 0 none 0 close -1", ""},
		{"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 0 none 0 keep -1", "Connection=Keep-Alive!"},
		{"HTTP/1.0 both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / 0 none 0 close -1", "Connection=keep-alive, close!"},
		{"HTTP/1.9", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", "GET / 9 none 0 keep 0", "Host=a"},
		{"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "GET / 10 none 0 keep 0", "Host=a"},
		{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", "GET / 1 none 0 close 0", "Host=a Connection=CLOSE!"},
		{"close in a second field", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", "GET / 1 none 0 close 0", "Host=a Connection=x! Connection=close!"},
		{"more blanks", "GET   /a   HTTP/1.1  \r\nHost: a\r\n\r\n", "GET /a 1 none 0 keep 0", "Host=a"},
		{"empty line in front", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a"},
		{"empty lines in front", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a"},
		{"length", "POST / HTTP/1.1\r\ncontent-LENGTH:5\r\nhost:a\r\n\r\n", "POST / 1 length 5 keep 1", "content-LENGTH=5 host=a"},
		{"length with zeros", "POST / HTTP/1.1\r\nContent-Length: 0005\r\nHost: a\r\n\r\n", "POST / 1 length 5 keep 1", "Content-Length=0005 Host=a"},
		{"the longest length", "POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\nHost: a\r\n\r\n", "POST / 1 length 999999999999999999 keep 1", "Content-Length=999999999999999999 Host=a"},
		{"length 0", "POST / HTTP/1.1\r\nContent-Length: 0\r\nHost: a\r\n\r\n", "POST / 1 length 0 keep 1", "Content-Length=0 Host=a"},
		{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding:\tChunked \r\nHost: a\r\n\r\n", "POST / 1 chunked -1 keep 1", "Transfer-Encoding=Chunked! Host=a"},
		{"odd methods", "FOO_BAR-X / HTTP/1.1\r\nHost: a\r\n\r\n", "FOO_BAR-X / 1 none 0 keep 0", "Host=a"},
		{"empty value", "GET / HTTP/1.1\r\nHost: a\r\nX-A:\r\nX-B: \r\nX-C: \t \r\n\r\n", "GET / 1 none 0 keep 0", "Host=a X-A= X-B= X-C="},
		{"blanks around values", "GET / HTTP/1.1\r\nHost: a\r\nX-A: \t a  b\t \r\n\r\n", "GET / 1 none 0 keep 0", "Host=a X-A=a  b"},
		{"bytes above 127", "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\nX-A: caf\xc3\xa9\xff\r\n\r\n", "GET /caf\xc3\xa9 1 none 0 keep 0", "Host=a X-A=caf\xc3\xa9\xff"},
		{"names that are left out", "GET / HTTP/1.1\r\nHost: a\r\nX.Dot: d\r\nX_Under: u\r\nX!: x\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a X_Under=u"},
		{"names with bytes of no token", "GET / HTTP/1.1\r\nHost: a\r\nX@Y: 1\r\n\xe9: 1\r\nHost(: b\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a"},
		{"names without a colon", "GET / HTTP/1.1\r\nHost: a\r\nX-A\r\nX-B: b\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a X-A= X-B=b"},
		{"absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b/x 1 none 0 keep 0", "Host=a"},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1 none 0 keep 0", "Host=a"},
		{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1 none 0 keep 0", "Host="},
		{"hop-by-hop", "GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 5\r\nTE: gzip\r\nProxy: x\r\nProxy-Connection: y\r\nUpgrade: z\r\nExpect: w\r\nTrailer: X-T\r\n\r\n",
			"GET / 1 none 0 keep 0", "Host=a Keep-Alive=5! TE=gzip! Proxy=x! Proxy-Connection=y! Upgrade=z! Expect=w! Trailer=X-T"},
		{"TE: trailers", "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: gzip , Trailers\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a Connection=TE! TE=gzip , Trailers"},
		{"TE: trailers with weight", "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers;q=0.5\r\n\r\n", "GET / 1 none 0 keep 0", "Host=a TE=trailers;q=0.5!"},
		{"named by Connection", "GET / HTTP/1.1\r\nHost: a\r\nx-a: 1\r\nConnection: close, ,X-A ,host,content-length, b\r\nContent-Length: 1\r\nX-A: 2\r\n\r\n",
			"GET / 1 length 1 close 0", "Host=a x-a=1! Connection=close, ,X-A ,host,content-length, b! Content-Length=1 X-A=2!"},
		{"only the first Connection names", "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-A\r\nConnection: X-B\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
			"GET / 1 none 0 keep 0", "Host=a Connection=X-A! Connection=X-B! X-A=1! X-B=2"},
	} {
		h, err := parseRequest(one.text, Limits{})
		if err != nil {
			t.Errorf("%s: %v", one.name, err)
			continue
		}
		if got := describe(h, one.text); got != one.want {
			t.Errorf("%s: %s, want %s", one.name, got, one.want)
		}
		if got := fieldsOf(h, one.text); got != one.fields {
			t.Errorf("%s: fields %s, want %s", one.name, got, one.fields)
		}
		if h.Len != len(one.text) {
			t.Errorf("%s: Len %d of %d", one.name, h.Len, len(one.text))
		}
	}
}

func describe(h *Head, text string) string {
	keep := "close"
	if h.KeepAlive {
		keep = "keep"
	}
	return fmt.Sprintf("%s %s %d %s %d %s %d", str(text, h.Method), str(text, h.Target), h.Minor, kindName(h.Body), h.Length, keep, h.Host)
}

func kindName(k message.BodyKind) string {
	return [...]string{"none", "length", "chunked", "until-close", "framed"}[k]
}

// fieldsOf lists fields, hop-by-hop ones with a '!'.
func fieldsOf(h *Head, text string) string {
	var all []string
	for i, f := range h.Fields {
		one := field(h, text, i)
		if f.Flags&message.FieldHop != 0 {
			one += "!"
		}
		all = append(all, one)
	}
	return strings.Join(all, " ")
}

func TestRequestRefused(t *testing.T) {
	head := func(fields ...string) string {
		return "POST / HTTP/1.1\r\nHost: a\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
	}
	var names []string
	for i := range maxConnectionNames + 1 {
		names = append(names, fmt.Sprint("x", i))
	}
	for _, one := range []struct {
		name, text string
		want       error
	}{
		{"garbage", "GARBAGE\r\n\r\n", ErrBad},
		{"only empty lines, then garbage", "\r\n\r\n\x16\r\n\r\n", ErrBad},
		{"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/0.9", "GET /\r\n\r\n", ErrBad},
		{"blank in the target", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"tab for a blank", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"tab in the target", "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"control in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"CR in the target", "GET /\rHost: HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/0.9 by name", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/1.x", "GET / HTTP/1.x\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/11.1", "GET / HTTP/11.1\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/1.1111", "GET / HTTP/1.1111\r\nHost: a\r\n\r\n", ErrBad},
		{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", ErrVersion},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", ErrVersion},
		{"HTTP/3.7", "GET / HTTP/3.7\r\n\r\n", ErrVersion},
		{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", ErrBad},
		{"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", ErrBad},
		{"bare LF after a field", head("X-A: 1\nX-B: 2"), ErrBad},
		{"bare CR in a value", head("X-A: 1\rX-B: 2"), ErrBad},
		{"CR CR LF", head("X-A: 1\r"), ErrBad},
		{"NUL in a value", head("X-A: 1\x002"), ErrBad},
		{"NUL at a value's end", head("X-A: 12345678\x00"), ErrBad},
		{"DEL in a value", head("X-A: \x7f"), ErrBad},
		{"escape in a long value", head("X-A: 0123456789012345678901234567890\x1b"), ErrBad},
		{"NUL in a name", head("X\x00: 1"), ErrBad},
		{"blank before the colon", head("X-A : 1"), ErrBad},
		{"tab before the colon", head("Content-Length\t: 1"), ErrBad},
		{"blank in a name", head("X A: 1"), ErrBad},
		{"empty name", head(": 1"), ErrBad},
		{"no colon after a length", head("Content-Length"), ErrBad},
		{"no colon after a coding", head("Transfer-Encoding"), ErrCoding},
		{"DEL in a name", head("X-\x7f: 1"), ErrBad},
		{"obs-fold", head("X-A: 1", " 2"), ErrBad},
		{"obs-fold with tab", head("X-A: 1", "\t2"), ErrBad},
		{"fold in the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", ErrBad},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", ErrBad},
		{"two Hosts", head("Host: a"), ErrBad},
		{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", ErrBad},
		{"two lengths", head("Content-Length: 3", "Content-Length: 4"), ErrBad},
		{"two equal lengths", head("Content-Length: 3", "Content-Length: 3"), ErrBad},
		{"list of lengths", head("Content-Length: 3, 3"), ErrBad},
		{"empty length", head("Content-Length:"), ErrBad},
		{"length with sign", head("Content-Length: +3"), ErrBad},
		{"negative length", head("Content-Length: -3"), ErrBad},
		{"hex length", head("Content-Length: 0x3"), ErrBad},
		{"length with blank inside", head("Content-Length: 3 3"), ErrBad},
		{"fraction of a length", head("Content-Length: 3.0"), ErrBad},
		{"length beyond 18 digits", head("Content-Length: 1000000000000000000"), ErrBad},
		{"length beyond 64 bits", head("Content-Length: 18446744073709551617"), ErrBad},
		{"length and chunked", head("Content-Length: 3", "Transfer-Encoding: chunked"), ErrBad},
		{"chunked and length", head("Transfer-Encoding: chunked", "Content-Length: 3"), ErrBad},
		{"two codings", head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ErrBad},
		{"coding and identity", head("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), ErrBad},
		{"identity", head("Transfer-Encoding: identity"), ErrCoding},
		{"gzip, chunked", head("Transfer-Encoding: gzip, chunked"), ErrCoding},
		{"chunked, identity", head("Transfer-Encoding: chunked, identity"), ErrCoding},
		{"xchunked", head("Transfer-Encoding: xchunked"), ErrCoding},
		{"quoted chunked", head("Transfer-Encoding: \"chunked\""), ErrCoding},
		{"chunked with parameter", head("Transfer-Encoding: chunked;a=b"), ErrCoding},
		{"empty coding", head("Transfer-Encoding:"), ErrCoding},
		{"vertical tab before the coding", head("Transfer-Encoding: \x0bchunked"), ErrBad},
		{"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ErrBad},
		{"Connection with too many names", head("Connection: " + strings.Join(names, ",")), ErrTooLarge},
		{"a name beyond 65535 bytes", head(strings.Repeat("n", 65536) + ": 1"), ErrTooLarge},
	} {
		if _, err := parseRequest(one.text, Limits{}); !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", one.name, err, one.want)
		}
	}
}

func TestRequestLimits(t *testing.T) {
	line := func(n int) string { return "GET /" + strings.Repeat("a", n-16) + " HTTP/1.1\r\n" } // n bytes with CRLF
	value := func(n int) string { return "X: " + strings.Repeat("a", n-5) + "\r\n" }
	rest := "Host: a\r\n\r\n"
	for _, one := range []struct {
		name, text string
		lim        Limits
		want       error
	}{
		{"line at its limit", line(100) + rest, Limits{Line: 100}, nil},
		{"line over its limit", line(101) + rest, Limits{Line: 100}, ErrURITooLong},
		{"field at its limit", line(20) + value(100) + rest, Limits{Line: 100}, nil},
		{"field over its limit", line(20) + value(101) + rest, Limits{Line: 100}, ErrTooLarge},
		{"field over its limit that would be left out", line(20) + "." + value(100) + rest, Limits{Line: 100}, ErrTooLarge},
		{"total at its limit", line(50) + value(50-len(rest)) + rest, Limits{Total: 100}, nil},
		{"total over its limit", line(50) + value(51-len(rest)) + rest, Limits{Total: 100}, ErrTooLarge},
		{"empty lines count", "\r\n" + line(50) + value(50-len(rest)) + rest, Limits{Total: 100}, ErrTooLarge},
		{"count at its limit", line(20) + "A: 1\r\nB: 2\r\n" + rest, Limits{Fields: 3}, nil},
		{"count over its limit", line(20) + "A: 1\r\nB: 2\r\nC: 3\r\n" + rest, Limits{Fields: 3}, ErrTooLarge},
	} {
		if _, err := parseRequest(one.text, one.lim); !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", one.name, err, one.want)
		}
	}
}

func TestRequestNames(t *testing.T) {
	text := "GET / HTTP/1.1\r\nHost: a\r\nX.Dot: d\r\nX_Under: u\r\nX-Usual9: x\r\n\r\n"
	for _, one := range []struct {
		lim  Limits
		want string
	}{
		{Limits{}, "Host=a X_Under=u X-Usual9=x"},
		{Limits{DropUnderscores: true}, "Host=a X-Usual9=x"},
		{Limits{KeepOddNames: true}, "Host=a X.Dot=d X_Under=u X-Usual9=x"},
		{Limits{KeepOddNames: true, DropUnderscores: true}, "Host=a X.Dot=d X-Usual9=x"},
	} {
		h, err := parseRequest(text, one.lim)
		if err != nil {
			t.Fatal(err)
		}
		if got := fieldsOf(h, text); got != one.want {
			t.Errorf("%+v: %s", one.lim, got)
		}
	}
}

func TestRequestExpectations(t *testing.T) {
	for _, one := range []struct {
		text            string
		expect, upgrade bool
	}{
		{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n", true, false},
		{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", false, false},
		{"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n", false, true},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", false, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", false, false},
		{"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", false, false},
	} {
		h, err := parseRequest(one.text, Limits{})
		if err != nil || h.Expect100 != one.expect || h.Upgrade != one.upgrade {
			t.Errorf("%q: %v %+v", one.text, err, h)
		}
	}
}

// However a head arrives, its end is found at the same place, and nothing is
// refused early that would be accepted, nor late with another error.
func TestEverySplit(t *testing.T) {
	lim := Limits{Line: 60, Total: 200, Fields: 8}
	for _, text := range []string{
		"GET /abc?d HTTP/1.1\r\nHost: a\r\nX: y\r\nX-Empty:\r\n\r\nrest\r\n\r\n",
		"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"\r\n\r\n\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET /" + strings.Repeat("a", 60) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 60) + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + strings.Repeat("X: 0123456789\r\n", 20) + "\r\n",
		"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
		"\x16\x03\x01\x00\xa5\x01\r\n\r\n",
	} {
		_, wantErr := parseRequest(text, lim)
		wantEnd, _ := Complete([]byte(text), 0)
		for split := range len(text) + 1 {
			for _, step := range []int{len(text), 1} {
				end, err := arrive(text, split, step, &lim)
				if end != 0 && end != wantEnd {
					t.Fatalf("%q split at %d: the head ends at %d, want %d", text, split, end, wantEnd)
				}
				if !errors.Is(err, wantErr) {
					t.Fatalf("%q split at %d by %d: %v, want %v", text, split, step, err, wantErr)
				}
			}
		}
	}
}

// arrive feeds text in two or more pieces: to split, then step bytes at a time.
func arrive(text string, split, step int, lim *Limits) (end int, err error) {
	scan := 0
	for n := split; ; n = min(n+step, len(text)) {
		b := []byte(text[:n])
		if end, err = Complete(b, scan); err == nil {
			var h Head
			return end, h.ParseRequest(b, end, lim)
		}
		scan = end
		if err = CheckPartial(b, lim); err != nil {
			return 0, err
		}
		if n == len(text) {
			return 0, ErrMore
		}
	}
}

func TestEndlessEmptyLines(t *testing.T) {
	b := []byte(strings.Repeat("\r\n", 51))
	if _, err := Complete(b, 0); err != ErrMore {
		t.Fatal(err)
	}
	if err := CheckPartial(b, &Limits{Line: 50, Total: 100}); err != ErrTooLarge {
		t.Error(err)
	}
	if err := CheckPartial(b[:100], &Limits{Line: 50, Total: 100}); err != nil {
		t.Error(err)
	}
}
