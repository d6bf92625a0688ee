package http1

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// What is adopted keeps its bytes, wherever in the region it lands.
func TestAdopt(t *testing.T) {
	var p message.Pool
	defer p.Close()
	text := "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Keep:   two words \r\n\r\nbody"
	var x message.Exchange
	if err := x.Begin(&p); err != nil {
		t.Fatal(err)
	}
	defer x.End()
	if err := x.Add(&x.Request, "Before", "there was one"); err != nil {
		t.Fatal(err)
	}
	b := []byte(text)
	n, _ := Complete(b, 0)
	var h Head
	if err := h.ParseRequest(b, n, &Limits{}); err != nil {
		t.Fatal(err)
	}
	base, err := h.Adopt(b, x.Shared, &x.Request)
	if err != nil {
		t.Fatal(err)
	}
	clear(b) // the read buffer is used again
	at := func(s message.Str) string { return x.View(message.Str{Off: s.Off + base, Len: s.Len}) }
	if at(h.Method) != "GET" || at(h.Target) != "/a?b" {
		t.Errorf("%q %q", at(h.Method), at(h.Target))
	}
	for name, want := range map[string]string{"before": "there was one", "HOST": "a", "x-keep": "two words", "X-Hop": "1", "none": ""} {
		if got := x.Get(&x.Request, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if f := x.FindID(&x.Request, message.HeaderHost); f == nil || string(x.ValueOf(f)) != "a" {
		t.Error("no Host by its number")
	}
	if f := x.Find(&x.Request, "X-Hop"); f.Flags&message.FieldHop == 0 {
		t.Error("X-Hop is not hop-by-hop")
	}
	// A second head joins the same table (an upstream's response does).
	b = []byte("HTTP/1.1 200 OK\r\nX-More: 1\r\n\r\n")
	n, _ = Complete(b, 0)
	if err := h.ParseResponse(b, n, &Limits{}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Adopt(b, x.Shared, &x.Request); err != nil {
		t.Fatal(err)
	}
	if x.Get(&x.Request, "x-more") != "1" || x.Get(&x.Request, "x-keep") != "two words" {
		t.Error("a second head broke the first")
	}
}

func TestAdoptNothing(t *testing.T) {
	var p message.Pool
	defer p.Close()
	x := adopted(t, &p, "GET / HTTP/1.0\r\n\r\n")
	if x.Request.N != 0 || len(x.Fields(&x.Request)) != 0 || x.Get(&x.Request, "Host") != "" {
		t.Errorf("%+v", x.Request)
	}
}

func TestAdoptFull(t *testing.T) {
	var p message.Pool
	defer p.Close()
	var x message.Exchange
	if err := x.Begin(&p); err != nil {
		t.Fatal(err)
	}
	b := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 0123456789\r\n", 1000) + "\r\n")
	n, _ := Complete(b, 0)
	var h Head
	if err := h.ParseRequest(b, n, &Limits{}); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		before := x.Request
		_, err := h.Adopt(b, x.Shared, &x.Request)
		if err == nil && i < 1000 {
			continue
		}
		if err != message.ErrRegionFull || x.Request != before {
			t.Errorf("after %d: %v, %+v, %+v", i, err, before, x.Request)
		}
		break
	}
}

// The bytes that go to the other side.
func TestAppendFields(t *testing.T) {
	head := "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC:3\r\nD:  4\r\nE: 5 \r\nF:\r\nG: \r\nH:\t6\r\nI: 7\r\nTE: x\r\nJ: 8\r\nK: 9\r\n\r\n"
	const all = "Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: \r\nG: \r\nH:\t6\r\nI: 7\r\nJ: 8\r\nK: 9\r\n"
	for _, one := range []struct {
		name string
		edit func(x *message.Exchange)
		skip []message.KnownHeader
		want string
	}{
		{"untouched", func(*message.Exchange) {}, nil, all},
		{"first skipped", func(*message.Exchange) {}, []message.KnownHeader{message.HeaderHost}, strings.Replace(all, "Host: a\r\n", "", 1)},
		{"one removed inside a run", func(x *message.Exchange) { x.Del(&x.Request, "b") }, nil, strings.Replace(all, "B: 2\r\n", "", 1)},
		{"one set inside a run", func(x *message.Exchange) { _ = x.Set(&x.Request, "b", "new") }, nil, strings.Replace(all, "B: 2\r\n", "b: new\r\n", 1)},
		{"set to nothing", func(x *message.Exchange) { _ = x.Set(&x.Request, "A", "") }, nil, strings.Replace(all, "A: 1\r\n", "A: \r\n", 1)},
		{"first set, last removed", func(x *message.Exchange) { _ = x.Set(&x.Request, "Host", "h"); x.Del(&x.Request, "K") }, nil,
			strings.Replace(strings.Replace(all, "Host: a", "Host: h", 1), "K: 9\r\n", "", 1)},
		{"added", func(x *message.Exchange) { _ = x.Add(&x.Request, "A", "again"); _ = x.Add(&x.Request, "Z", "z") }, nil, all + "A: again\r\nZ: z\r\n"},
		{"a value with line breaks", func(x *message.Exchange) { _ = x.Set(&x.Request, "A", "1\r\nEvil: 2\x00\x7f\t.") }, nil, strings.Replace(all, "A: 1\r\n", "A: 1%0D%0AEvil: 2%00%7F\t.\r\n", 1)},
		{"a name with line breaks", func(x *message.Exchange) { _ = x.Add(&x.Request, "Z\r\nEvil", "z") }, nil, all + "Z%0D%0AEvil: z\r\n"},
		{"a name with a colon", func(x *message.Exchange) { _ = x.Add(&x.Request, "Z: y\r\nTransfer-Encoding", "chunked") }, nil, all + "Z%3A%20y%0D%0ATransfer-Encoding: chunked\r\n"},
		{"cleared", func(x *message.Exchange) { x.Clear(&x.Request); _ = x.Add(&x.Request, "Z", "z") }, nil, "Z: z\r\n"},
	} {
		var p message.Pool
		x := adopted(t, &p, head)
		one.edit(x)
		var skip [256]bool
		for _, id := range one.skip {
			skip[id] = true
		}
		if got := string(AppendFields(nil, x.Shared, &x.Request, &skip)); got != one.want {
			t.Errorf("%s:\n%q\nwant\n%q", one.name, got, one.want)
		}
		p.Close()
	}
}

func TestAppendLines(t *testing.T) {
	out := AppendField(AppendStatusLine(nil, 404, []byte("Not Found")), "A", "b")
	if string(out) != "HTTP/1.1 404 Not Found\r\nA: b\r\n" {
		t.Errorf("%q", out)
	}
	if out := AppendField(nil, "A", "b\r\nC: d\te\x7f"); string(out) != "A: b%0D%0AC: d\te%7F\r\n" {
		t.Errorf("%q", out)
	}
	for in, want := range map[string]string{"": "", "/a?b": "/a?b", "/caf\xc3\xa9": "/caf\xc3\xa9", "/a b\r\nX: y\t\x00\x7f": "/a%20b%0D%0AX:%20y%09%00%7F"} {
		if out := AppendTarget(nil, []byte(in)); string(out) != want {
			t.Errorf("%q: %q, want %q", in, out, want)
		}
	}
}

// The scan of eight bytes at a time finds what a scan of one would.
func TestBelow(t *testing.T) {
	for n := range 20 {
		for c := range 256 {
			for at := range n {
				b := []byte(strings.Repeat("\x80", n))
				b[at] = byte(c)
				want := n
				if c < ' ' && c != '\t' || c == 127 {
					want = at
				}
				if got := valueEnd(b, 0); got != want {
					t.Fatalf("%q: %d, want %d", b, got, want)
				}
				want = n
				if c <= ' ' || c == 127 {
					want = at
				}
				if got := below(b, 0, ' '+1); got != want {
					t.Fatalf("%q: %d, want %d", b, got, want)
				}
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var p message.Pool
	defer p.Close()
	var x message.Exchange
	if err := x.Begin(&p); err != nil {
		t.Fatal(err)
	}
	in := []byte(webRequest)
	out := make([]byte, 0, 4096)
	var skip [256]bool
	var h Head
	start := x.Used
	once := func() {
		x.Used, x.Request = start, message.Head{}
		n, err := Complete(in, 0)
		if err == nil {
			err = h.ParseRequest(in, n, &Limits{Line: 8192, Total: 32768, Fields: 1000})
		}
		if err == nil {
			_, err = h.Adopt(in, x.Shared, &x.Request)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = AppendFields(out[:0], x.Shared, &x.Request, &skip)
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
