package http1

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func parseResponse(text string, lim Limits, head bool) (*Head, error) {
	b := []byte(text)
	n, err := Complete(b, 0)
	if err != nil {
		if e := CheckPartialResponse(b, &lim); e != nil {
			err = e
		}
		return nil, err
	}
	var h Head
	return &h, h.ParseResponse(b, n, &lim, head)
}

func TestResponseAccepted(t *testing.T) {
	for _, one := range []struct {
		name, text string
		head       bool
		want       string // status reason minor body length keep
		fields     string
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, "200 OK 1 length 3 keep", "Content-Length=3"},
		{"no reason", "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n", false, "200  1 length 3 keep", "Content-Length=3"},
		{"no blank behind the status", "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", false, "200  1 length 3 keep", "Content-Length=3"},
		{"long reason", "HTTP/1.1 299 Fine, thanks\r\nContent-Length: 0\r\n\r\n", false, "299 Fine, thanks 1 length 0 keep", "Content-Length=0"},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n", false, "200 OK 1 chunked -1 keep", "Transfer-Encoding=CHUNKED!"},
		{"until close", "HTTP/1.1 200 OK\r\n\r\n", false, "200 OK 1 until-close -1 close", ""},
		{"until close whatever it says", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", false, "200 OK 1 until-close -1 close", "Connection=keep-alive!"},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, "200 OK 0 length 3 close", "Content-Length=3"},
		{"HTTP/1.0 keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n", false, "200 OK 0 length 3 keep", "Content-Length=3 Connection=keep-alive!"},
		{"HTTP/1.0 with chunks is used once", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n", false, "200 OK 0 chunked -1 close", "Transfer-Encoding=chunked! Connection=keep-alive!"},
		{"close", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x, close\r\n\r\n", false, "200 OK 1 length 3 close", "Content-Length=3 Connection=x, close!"},
		{"HEAD with length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, "200 OK 1 none 3 keep", "Content-Length=3"},
		{"HEAD chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, "200 OK 1 none 0 keep", "Transfer-Encoding=chunked!"},
		{"HEAD without length", "HTTP/1.1 200 OK\r\n\r\n", true, "200 OK 1 none 0 keep", ""},
		{"100", "HTTP/1.1 100 Continue\r\n\r\n", false, "100 Continue 1 none 0 keep", ""},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, "101 Switching Protocols 1 none 0 keep", "Upgrade=x! Connection=upgrade!"},
		{"204 with length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, "204 No Content 1 none 5 keep", "Content-Length=5"},
		{"304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "304 Not Modified 1 none 5 keep", "Content-Length=5"},
		{"status 999", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", false, "999 X 1 length 0 keep", "Content-Length=0"},
		{"all names pass", "HTTP/1.1 200 OK\r\nX.Dot: a\r\nX_Under: b\r\nContent-Length: 0\r\n\r\n", false, "200 OK 1 length 0 keep", "X.Dot=a X_Under=b Content-Length=0"},
		{"all Connection fields name", "HTTP/1.1 200 OK\r\nConnection: X-A\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 1\r\nContent-Length: 0\r\n\r\n", false, "200 OK 1 length 0 keep",
			"Connection=X-A! Connection=x-b! X-A=1! X-B=1! Content-Length=0"},
		{"hop-by-hop", "HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTE: x\r\nProxy-Connection: y\r\nContent-Length: 0\r\n\r\n", false, "200 OK 1 length 0 keep",
			"Keep-Alive=5! Upgrade=h2c! TE=x Proxy-Connection=y Content-Length=0"},
		{"two Hosts are no business of a response", "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n", false, "200 OK 1 length 0 keep", "Host=a Host=b Content-Length=0"},
	} {
		h, err := parseResponse(one.text, Limits{}, one.head)
		if err != nil {
			t.Errorf("%s: %v", one.name, err)
			continue
		}
		keep := "close"
		if h.KeepAlive {
			keep = "keep"
		}
		if got := fmt.Sprintf("%d %s %d %s %d %s", h.Status, str(one.text, h.Reason), h.Minor, kindName(h.Body), h.Length, keep); got != one.want {
			t.Errorf("%s: %s, want %s", one.name, got, one.want)
		}
		if got := fieldsOf(h, one.text); got != one.fields {
			t.Errorf("%s: fields %s, want %s", one.name, got, one.fields)
		}
		if h.HasLength() != strings.Contains(one.text, "Content-Length") || h.Len != len(one.text) {
			t.Errorf("%s: HasLength %v, Len %d", one.name, h.HasLength(), h.Len)
		}
	}
}

func TestResponseRefused(t *testing.T) {
	head := func(fields ...string) string {
		return "HTTP/1.1 200 OK\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
	}
	for _, one := range []struct {
		name, text string
		lim        Limits
		want       error
	}{
		{"garbage", "garbage\r\n\r\n", Limits{}, ErrNotHTTP},
		{"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"status no number", "HTTP/1.1 abc OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"HTTP/1.", "HTTP/1. 200 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"two blanks", "HTTP/1.1  200 OK\r\n\r\n", Limits{}, ErrNotHTTP},
		{"control in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", Limits{}, ErrBad},
		{"CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", Limits{}, ErrBad},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", Limits{}, ErrBad},
		{"bare LF in a field", head("X: a\nY: b"), Limits{}, ErrBad},
		{"bare CR", head("X: a\rY: b"), Limits{}, ErrBad},
		{"NUL", head("X: a\x00"), Limits{}, ErrBad},
		{"obs-fold", head("X: a", " b"), Limits{}, ErrBad},
		{"blank before the colon", head("Content-Length : 3"), Limits{}, ErrBad},
		{"no colon", head("bad header line"), Limits{}, ErrBad},
		{"two lengths", head("Content-Length: 2", "Content-Length: 2"), Limits{}, ErrBad},
		{"negative length", head("Content-Length: -1"), Limits{}, ErrBad},
		{"length and chunked", head("Content-Length: 2", "Transfer-Encoding: chunked"), Limits{}, ErrBad},
		{"gzip coding", head("Transfer-Encoding: gzip"), Limits{}, ErrBad},
		{"two codings", head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), Limits{}, ErrBad},
		{"total over its limit", head("X: " + strings.Repeat("a", 100)), Limits{Total: 100}, ErrTooLarge},
		{"count over its limit", head("A: 1", "B: 2"), Limits{Fields: 1}, ErrTooLarge},
	} {
		if _, err := parseResponse(one.text, one.lim, false); !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", one.name, err, one.want)
		}
	}
}

func TestStatusLine(t *testing.T) {
	for in, want := range map[string]error{"": ErrMore, "H": ErrMore, "HTTP": ErrMore, "HTTP/": nil, "HTTP/1.1 200": nil, "x": ErrNotHTTP, "HTTQ": ErrNotHTTP, "\r": ErrNotHTTP} {
		if err := StatusLine([]byte(in)); err != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

func TestPartialResponse(t *testing.T) {
	lim := Limits{Total: 100}
	for in, want := range map[string]error{
		"": nil, "HTT": nil, "HTTP/1.1 200 OK\r": nil, "HTTP/1.1 200 OK\r\nX: y\r\n": nil, "HTTP/1.1 200 OK\n": ErrBad, "HTTP/1.1 200 OK\r\nX: y\n": ErrBad,
		"oops": ErrNotHTTP, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 100): ErrTooLarge,
	} {
		if err := CheckPartialResponse([]byte(in), &lim); err != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}
