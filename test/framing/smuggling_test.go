package framing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hidden is a request that no upstream may ever see: it is inside what is,
// read one way, the body of another or behind its end.
const hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// refusal is a request that must be answered with one of these statuses and a
// closed connection, and nothing of it may reach the upstream.
type refusal struct {
	name, text string
	want       string
}

func post(fields ...string) string {
	return "POST /p HTTP/1.1\r\nHost: a\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
}

// chunks is a chunked POST whose body is text as it stands.
func chunks(text string) string { return post("Transfer-Encoding: chunked") + text }

func refusals() []refusal {
	n := len(hidden)
	length := func(format string, a ...any) string {
		return post("Content-Length: "+fmt.Sprintf(format, a...)) + hidden
	}
	coding := func(v string) string { return post("Transfer-Encoding:"+v) + "0\r\n\r\n" + hidden }
	return []refusal{
		// CL.TE and TE.CL
		{"length before chunked", post(fmt.Sprint("Content-Length: ", 5+n), "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden, "400"},
		{"chunked before length", post("Transfer-Encoding: chunked", "Content-Length: 4") + fmt.Sprintf("%x\r\n", n) + hidden + "\r\n0\r\n\r\n", "400"},
		{"chunked and length 0", post("Transfer-Encoding: chunked", "Content-Length: 0") + "0\r\n\r\n" + hidden, "400"},
		{"chunked in HTTP/1.0", "POST /p HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, "400"},
		{"length hidden behind a tab in its name", post("Content-Length\t: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden, "400"},
		// lengths
		{"two lengths", post("Content-Length: 0", fmt.Sprint("Content-Length: ", n)) + hidden, "400"},
		{"two equal lengths", post("Content-Length: 3", "content-length: 3") + "abc" + hidden, "400"},
		{"list of lengths", length("0, %d", n), "400"},
		{"length with plus", length("+%d", n), "400"},
		{"negative length", length("-1"), "400"},
		{"hex length", length("0x%x", n), "400"},
		{"length with a blank inside", length("1 %d", n), "400"},
		{"length with underscore", length("1_0"), "400"},
		{"length with exponent", length("1e1"), "400"},
		{"length beyond 64 bits", length("18446744073709551616"), "400"},
		{"length just beyond 63 bits", length("9223372036854775808"), "400"},
		{"empty length", length(""), "400"},
		{"length in other digits", length("\xd9\xa3"), "400"},
		// codings
		{"xchunked", coding(" xchunked"), "501"},
		{"chunked chunked", coding(" chunked chunked"), "501"},
		{"chunked, chunked", coding(" chunked, chunked"), "501"},
		{"chunked behind a comma", coding(" , chunked"), "501"},
		{"chunked before a comma", coding(" chunked,"), "501"},
		{"chunked before a semicolon", coding(" chunked;"), "501"},
		{"chunked, identity", coding(" chunked, identity"), "501"},
		{"identity, chunked", coding(" identity, chunked"), "501"},
		{"quoted chunked", coding(" \"chunked\""), "501"},
		{"no-break space before chunked", coding(" \xa0chunked"), "501"},
		{"two codings", post("Transfer-Encoding: chunked", "Transfer-Encoding: x") + "0\r\n\r\n" + hidden, "400"},
		{"empty coding", coding(""), "501"},
		{"vertical tab before chunked", coding(" \x0bchunked"), "400"},
		{"form feed behind chunked", coding(" chunked\x0c"), "400"},
		{"NUL behind chunked", coding(" chunked\x00"), "400"},
		{"backspace before chunked", coding(" \x08chunked"), "400"},
		{"folded coding", coding("\r\n chunked"), "501"},
		{"folded coding with tab", coding("\r\n\tchunked"), "501"},
		{"blank before the colon", post("Transfer-Encoding : chunked") + "0\r\n\r\n" + hidden, "400"},
		{"vertical tab in the name", post("Transfer-Encoding\x0b: chunked") + "0\r\n\r\n" + hidden, "400"},
		{"NUL in the name", post("Transfer-Encoding\x00: chunked") + "0\r\n\r\n" + hidden, "400"},
		{"coding behind a bare LF", post("X: y\nTransfer-Encoding: chunked", "Content-Length: 0") + hidden, "400"},
		{"coding behind a bare CR", post("X: y\rTransfer-Encoding: chunked", "Content-Length: 0") + hidden, "400"},
		{"coding behind LF CR", post("X: y\n\rTransfer-Encoding: chunked", "Content-Length: 0") + hidden, "400"},
		{"a blank before the field's name", "POST /p HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n0\r\n\r\n" + hidden, "400"},
		{"coding without colon", post("Transfer-Encoding chunked") + "0\r\n\r\n" + hidden, "400"},
		// lines and heads
		{"bare LFs", "POST /p HTTP/1.1\nHost: a\nContent-Length: 0\n\n" + hidden, "400"},
		{"LF for the empty line", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\n" + hidden, "400"},
		{"bare CRs", "POST /p HTTP/1.1\rHost: a\rContent-Length: 0\r\r" + hidden, "400"},
		{"CR CR LF", post("Content-Length: 0\r") + hidden, "400"},
		{"bare CR in the target", "GET /a\rX:\ry HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"bare CR behind the version", "GET /a HTTP/1.1\r\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"no Host", "POST /p HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + hidden, "400"},
		{"two Hosts", post("Host: b", "Content-Length: 0") + hidden, "400"},
		{"two equal Hosts", post("HOST: a", "Content-Length: 0") + hidden, "400"},
		{"Host with a blank", "GET /p HTTP/1.1\r\nHost: a b\r\n\r\n" + hidden, "400"},
		{"Host with a slash", "GET /p HTTP/1.1\r\nHost: a/b\r\n\r\n" + hidden, "400"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, "505"},
		{"HTTP/0.9", "GET /p\r\n" + hidden, "400"},
		{"a second version", "GET /p HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"tabs for blanks", "GET\t/p\tHTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"TLS in the clear", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "400"},
		// absolute form
		{"line break in the authority", "GET http://a\r\nX: y/ HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"tab in the authority", "GET http://a\tb/ HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"no authority", "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"NUL escaped in the path", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"a path that leaves the root", "GET /../../p HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		{"no slash first", "GET p HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "400"},
		// chunks
		{"chunk size in 0x", chunks("0x5\r\nhello\r\n0\r\n\r\n" + hidden), "400"},
		{"negative chunk size", chunks("-1\r\n\r\n0\r\n\r\n" + hidden), "400"},
		{"chunk size beyond 64 bits", chunks("10000000000000000\r\n\r\n" + hidden), "400"},
		{"chunk size that wraps", chunks("fffffffffffffff5\r\n\r\n" + hidden), "400"},
		{"blank before the chunk size", chunks(" 0\r\n\r\n" + hidden), "400"},
		{"two chunk sizes", chunks("0 5\r\n\r\n" + hidden), "400"},
		{"empty chunk size", chunks("\r\n\r\n" + hidden), "400"},
		{"only an extension", chunks(";a\r\n\r\n" + hidden), "400"},
		{"chunk longer than said", chunks("3\r\nabcdef\r\n0\r\n\r\n" + hidden), "400"},
		{"chunk shorter than said", chunks("5\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"chunk size ended by LF", chunks("3\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"chunk ended by LF", chunks("3\r\nabc\n0\r\n\r\n" + hidden), "400"},
		{"chunk ended by CR", chunks("3\r\nabc\r0\r\n\r\n" + hidden), "400"},
		{"LF in an extension", chunks("3;a\nx\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"CR in an extension", chunks("3;a\rx\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"CR LF in quotes in an extension", chunks("3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"NUL in an extension", chunks("3;\x00\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"endless extension", chunks("3;" + strings.Repeat("a", 20000) + "\r\nabc\r\n0\r\n\r\n" + hidden), "400"},
		{"more extensions than data", chunks(strings.Repeat("1;"+strings.Repeat("a", 300)+"\r\nx\r\n", 60) + "0\r\n\r\n" + hidden), "400"},
		{"the end ended by LF", chunks("0\r\n\n" + hidden), "400"},
		{"trailer without colon", chunks("0\r\nGET /smuggled HTTP/1.1\r\n\r\n" + hidden), "400"},
		{"trailer with a bare CR", chunks("0\r\nX: y\rz\r\n\r\n" + hidden), "400"},
		{"folded trailer", chunks("0\r\nX: y\r\n z\r\n\r\n" + hidden), "400"},
		{"oversized trailers", chunks("0\r\n" + strings.Repeat("X: 0123456789abcdef\r\n", 3000) + "\r\n" + hidden), "400"},
		{"an oversized trailer", chunks("0\r\nX: " + strings.Repeat("a", 70000) + "\r\n\r\n" + hidden), "400"},
	}
}

func TestSmuggling(t *testing.T) {
	b := newBench(t)
	for _, streamed := range []bool{false, true} {
		for _, one := range refusals() {
			name, text := one.name, one.text
			if streamed { // the route that does not collect bodies first
				if !strings.HasPrefix(text, "POST /p ") {
					continue
				}
				name, text = "streamed: "+name, strings.Replace(text, "/p ", "/stream/p ", 1)
			}
			t.Run(name, func(t *testing.T) {
				b.upstream.as(nil)
				got := b.talk(t, text)
				answers := got.answers(t)
				seen, wrong := b.upstream.got()
				if s := statuses(answers); s != one.want {
					t.Errorf("answered with %q, want %s: %q", s, one.want, got.text)
				}
				if !got.closed {
					t.Error("the connection stays open after a request without a clear end")
				}
				// A streamed body may have begun to go upstream before its end was
				// seen to be bad; then it must not look whole.
				for _, s := range seen {
					if !streamed || strings.Contains(s, "/smuggled") {
						t.Errorf("the upstream got %q", s)
					}
				}
				if len(wrong) > 0 {
					t.Errorf("the upstream: %q", wrong)
				}
			})
		}
	}
	b.sound(t)
}

// What looks like one of the attacks above and is none, or is made harmless:
// the upstream gets exactly these requests.
func TestHarmless(t *testing.T) {
	b := newBench(t)
	for _, one := range []struct {
		name, text string
		want       []string // requests at the upstream
		check      func(t *testing.T, s *seen)
	}{
		{"underscores in the coding's name", post("Transfer_Encoding: chunked", "Content-Length: 3") + "abc", []string{"POST /p abc"}, nil},
		{"a dot in the coding's name", post("Transfer.Encoding: chunked", "Content-Length: 3") + "abc", []string{"POST /p abc"}, func(t *testing.T, s *seen) {
			if s.get("Transfer.Encoding") != "" {
				t.Error("the field was passed on")
			}
		}},
		{"coding in capitals", post("TRANSFER-ENCODING: \t CHUNKED \t") + "3\r\nabc\r\n0\r\n\r\n", []string{"POST /p abc"}, nil},
		{"chunks with extensions and trailers", chunks("2;a=b\r\nab\r\n1 \r\nc\r\n0;x\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\nHost: evil\r\n\r\n"), []string{"POST /p abc"}, func(t *testing.T, s *seen) {
			if s.get("Host") != "a" {
				t.Errorf("Host %q", s.get("Host"))
			}
		}},
		{"chunk sizes with zeros", chunks("0003\r\nabc\r\n000\r\n\r\n"), []string{"POST /p abc"}, nil},
		{"length with zeros", post("Content-Length: 003") + "abc", []string{"POST /p abc"}, nil},
		{"a body that looks like requests", post(fmt.Sprint("Content-Length: ", len(hidden))) + hidden, []string{"POST /p " + strings.TrimSpace(hidden)}, nil},
		{"chunks that look like requests", chunks(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)), []string{"POST /p " + strings.TrimSpace(hidden)}, nil},
		{"GET with a body", "GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", []string{"GET /p abc"}, nil},
		{"DELETE with chunks", "DELETE /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", []string{"DELETE /p abc"}, nil},
		{"length named hop-by-hop", post("Connection: Content-Length", "Content-Length: 3") + "abc", []string{"POST /p abc"}, nil},
		{"coding named hop-by-hop", post("Connection: Transfer-Encoding", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", []string{"POST /p abc"}, nil},
		{"Host named hop-by-hop", post("Connection: Host, close", "Content-Length: 0"), []string{"POST /p"}, nil},
		{"upgrade that nobody answers", post("Connection: upgrade", "Upgrade: h2c", "Content-Length: 3") + "abc", []string{"POST /p abc"}, nil},
		{"Expect", post("Expect: 100-continue", "Content-Length: 3") + "abc", []string{"POST /p abc"}, func(t *testing.T, s *seen) {
			if s.get("Expect") != "" {
				t.Error("Expect was passed on")
			}
		}},
		{"empty lines between requests", "\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n\r\n", []string{"GET /1", "GET /2"}, nil},
		{"line break escaped in the path", "GET /a%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /a%0D%0AX:%20y"}, nil},
		{"request line escaped in the path", "GET /a%20HTTP/1.1%0d%0aHost:%20b%0d%0a%0d%0aGET%20/smuggled HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /a%20HTTP/1.1%0D%0AHost:%20b%0D%0A%0D%0AGET%20/smuggled"}, nil},
		{"line break escaped in the query", "GET /a?%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /a?%0d%0aX:%20y"}, nil},
		{"line break escaped in an authority", "GET http://a%0d%0aX:y/p HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p"}, func(t *testing.T, s *seen) {
			if s.get("X") != "" {
				t.Errorf("%q", s.fields)
			}
		}},
		{"line break escaped in what a route strips", "GET /inject%0d%0aX:%20y/p HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p"}, func(t *testing.T, s *seen) {
			if s.get("X") != "" || s.get("X-Forwarded-Prefix") != "/inject%0D%0AX: y" {
				t.Errorf("%q", s.fields)
			}
		}},
		{"absolute form", "GET http://b.test:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p?q"}, nil},
		{"absolute form without a path", "GET http://b.test HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /"}, nil},
		{"absolute form with a query at once", "GET http://b.test?q HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /?q"}, nil},
		{"two slashes", "GET //b.test/p HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /b.test/p"}, nil},
		{"bytes above 127", "GET /\xff?\xff HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n", nil, nil},
		{"HTTP/1.0 with Host", "GET /p HTTP/1.0\r\nHost: a\r\n\r\n", []string{"GET /p"}, nil},
		{"HTTP/1.0 without Host", "GET /p HTTP/1.0\r\n\r\n", []string{"GET /p"}, nil},
	} {
		t.Run(one.name, func(t *testing.T) {
			b.upstream.as(nil)
			got := b.talk(t, one.text)
			for _, a := range got.answers(t) {
				if a.status != 200 && a.status != 100 {
					t.Errorf("answered with %d: %q", a.status, got.text)
				}
			}
			seen, wrong := b.upstream.got()
			if one.want != nil && !slices.Equal(seen, one.want) {
				t.Errorf("the upstream got %q, want %q", seen, one.want)
			}
			if len(wrong) > 0 {
				t.Errorf("the upstream: %q", wrong)
			}
			if one.check != nil {
				one.check(t, b.upstream.last(t))
			}
		})
	}
	b.sound(t)
}

// However a request is cut into segments, it is the same request.
func TestSplitAnywhere(t *testing.T) {
	b := newBench(t)
	text := "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for _, path := range []string{"/p", "/stream/p"} {
		text := strings.Replace(text, "/p", path, 1)
		for at := 1; at < len(text); at += 3 {
			b.upstream.as(nil)
			got := b.talk(t, text[:at], text[at:])
			if s := statuses(got.answers(t)); s != "200 200" || !got.closed {
				t.Fatalf("%s cut at %d: %q", path, at, got.text)
			}
			if seen, wrong := b.upstream.got(); !slices.Equal(seen, []string{"POST " + path + " abc", "GET /next"}) || len(wrong) > 0 {
				t.Fatalf("%s cut at %d: the upstream got %q, %q", path, at, seen, wrong)
			}
		}
		b.upstream.as(nil)
		if got := b.talk(t, strings.Split(text, "")...); statuses(got.answers(t)) != "200 200" {
			t.Errorf("%s byte by byte: %q", path, got.text)
		}
	}
}
