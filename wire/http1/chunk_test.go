package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// decode runs a decoder over text in pieces: to split, then step bytes at a
// time. It gives the body, how much of text was used, and the error.
func decode(d *Decoder, text string, split, step int) (body string, used int, err error) {
	var out []byte
	for n := split; ; n = min(n+step, len(text)) {
		for used < n && !d.Done() {
			data, k, err := d.Decode([]byte(text[used:n]))
			out = append(out, data...)
			used += k
			if err != nil {
				return string(out), used, err
			}
			if k == 0 {
				return string(out), used, fmt.Errorf("the decoder stands still at %d", used)
			}
		}
		if n == len(text) || d.Done() {
			return string(out), used, nil
		}
	}
}

func TestChunked(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for _, one := range []struct {
		name, text string
		body, rest string
		trailer    string
	}{
		{"nothing", "0\r\n\r\n", "", "", ""},
		{"one", "3\r\nabc\r\n0\r\n\r\n", "abc", "", ""},
		{"two, and more behind", "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\nGET /", "abcdefg", "GET /", ""},
		{"hex", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a", "", ""},
		{"zeros in front", "0003\r\nabc\r\n0000\r\n\r\n", "abc", "", ""},
		{"data that looks like framing", "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "0\r\n\r\n0\r", "", ""},
		{"extensions", "3;a=b;c=\"d;\xe9\"\r\nabc\r\n0;x\r\n\r\n", "abc", "", ""},
		{"blanks behind the size", "3 \t\r\nabc\r\n0 ;x\r\n\r\n", "abc", "", ""},
		{"trailers", "3\r\nabc\r\n0\r\nX-A: 1\r\nX-B:\r\n\r\nx", "abc", "x", "X-A: 1\r\nX-B:\r\n"},
		{"long", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long), long, "", ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			splits := min(len(one.text), 80)
			for split := range splits + 1 {
				for _, step := range []int{len(one.text), 1, 7} {
					var d Decoder
					d.Begin(message.BodyChunked, -1)
					body, used, err := decode(&d, one.text, split, step)
					if err != nil || !d.Done() || body != one.body || one.text[used:] != one.rest || string(d.Trailer) != one.trailer {
						t.Fatalf("split %d, then by %d: %q, %q left, trailer %q, done %v, %v", split, step, body, one.text[used:], d.Trailer, d.Done(), err)
					}
				}
			}
		})
	}
}

func TestChunkedRefused(t *testing.T) {
	for _, one := range []struct{ name, text string }{
		{"no size", "\r\nabc\r\n0\r\n\r\n"},
		{"no hex", "zz\r\nabc\r\n0\r\n\r\n"},
		{"0x", "0x3\r\nabc\r\n0\r\n\r\n"},
		{"negative", "-3\r\nabc\r\n0\r\n\r\n"},
		{"plus", "+3\r\nabc\r\n0\r\n\r\n"},
		{"blank in front", " 3\r\nabc\r\n0\r\n\r\n"},
		{"two numbers", "3 3\r\nabc\r\n0\r\n\r\n"},
		{"comma", "3,3\r\nabc\r\n0\r\n\r\n"},
		{"64 bits", "10000000000000000\r\n"},
		{"63 bits", "8000000000000000\r\n"},
		{"60 bits", "800000000000000\r\n"},
		{"size ended by LF", "3\nabc\r\n0\r\n\r\n"},
		{"size ended by CR", "3\rabc\r\n0\r\n\r\n"},
		{"data ended by LF", "3\r\nabc\n0\r\n\r\n"},
		{"data too long", "3\r\nabcd\r\n0\r\n\r\n"},
		{"data too short", "3\r\nab\r\n0\r\n\r\n"},
		{"LF in an extension", "3;a\nb\r\nabc\r\n0\r\n\r\n"},
		{"CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"},
		{"NUL in an extension", "3;a\x00\r\nabc\r\n0\r\n\r\n"},
		{"extension too long", "3;" + strings.Repeat("a", maxChunkLine) + "\r\nabc\r\n0\r\n\r\n"},
		{"size too long", strings.Repeat("0", maxChunkLine) + "3\r\nabc\r\n0\r\n\r\n"},
		{"more framing than data", strings.Repeat("1;"+strings.Repeat("a", 500)+"\r\nx\r\n", 20)},
		{"trailer without colon", "0\r\nno colon\r\n\r\n"},
		{"trailer with an empty name", "0\r\n: x\r\n\r\n"},
		{"trailer with a blank before the colon", "0\r\nX-A : x\r\n\r\n"},
		{"trailer ended by LF", "0\r\nX-A: x\n\r\n"},
		{"trailer with CR", "0\r\nX-A: x\ry\r\n\r\n"},
		{"trailer with NUL", "0\r\nX-A: \x00\r\n\r\n"},
		{"folded trailer", "0\r\nX-A: x\r\n y\r\n\r\n"},
		{"end by LF", "0\r\n\n"},
		{"trailers too long", "0\r\n" + strings.Repeat("X-A: 0123456789\r\n", maxTrailer/17+1) + "\r\n"},
		{"a trailer too long", "0\r\nX-A: " + strings.Repeat("a", maxTrailer)},
	} {
		t.Run(one.name, func(t *testing.T) {
			for _, step := range []int{len(one.text), 1, 3} {
				var d Decoder
				d.Begin(message.BodyChunked, -1)
				_, _, err := decode(&d, one.text, min(step, len(one.text)), step)
				if err != ErrBad || d.Done() {
					t.Errorf("by %d: %v, done %v", step, err, d.Done())
				}
				for _, more := range []string{one.text, "\r\n", "0\r\n\r\n"} {
					if _, n, err := d.Decode([]byte(more)); err != ErrBad || n != 0 || d.Done() {
						t.Errorf("by %d: after the error %d bytes were used, %v", step, n, err)
					}
				}
				if len(d.Trailer) > maxTrailer {
					t.Errorf("%d bytes of trailers were kept", len(d.Trailer))
				}
			}
		})
	}
}

func TestHugeChunk(t *testing.T) {
	var d Decoder
	d.Begin(message.BodyChunked, -1)
	in := "ffffffffffffff\r\n" + strings.Repeat("x", 100)
	body, used, err := decode(&d, in, len(in), 1)
	if err != nil || used != len(in) || len(body) != 100 || d.Left() != 1<<56-1-100 {
		t.Errorf("%d, %d, %d left, %v", len(body), used, d.Left(), err)
	}
	if d.EOF() {
		t.Error("an end within a chunk is taken for the body's end")
	}
}

func TestLongFramingWithMuchData(t *testing.T) {
	var d Decoder
	d.Begin(message.BodyChunked, -1)
	in := strings.Repeat("1000;"+strings.Repeat("a", 4000)+"\r\n"+strings.Repeat("x", 4096)+"\r\n", 50) + "0\r\n\r\n"
	if body, _, err := decode(&d, in, len(in), 1); err != nil || len(body) != 50*4096 || !d.Done() {
		t.Errorf("%d, %v", len(body), err)
	}
}

func TestOtherBodies(t *testing.T) {
	var d Decoder
	if data, n, err := d.Decode([]byte("x")); n != 0 && data != nil || err != nil {
		t.Errorf("the zero Decoder: %q, %d, %v", data, n, err)
	}
	d.Begin(message.BodyNone, 5)
	if !d.Done() {
		t.Error("no body is not done")
	}
	d.Begin(message.BodyLength, 0)
	if !d.Done() {
		t.Error("length 0 is not done")
	}
	d.Begin(message.BodyLength, 5)
	if body, used, err := decode(&d, "abcdefg", 2, 1); body != "abcde" || used != 5 || err != nil || !d.Done() {
		t.Errorf("length: %q, %d, %v", body, used, err)
	}
	d.Begin(message.BodyLength, 5)
	if _, _, err := decode(&d, "abc", 3, 1); err != nil || d.Done() || d.Left() != 2 || d.EOF() {
		t.Errorf("short: %v, %d left", err, d.Left())
	}
	d.Begin(message.BodyUntilClose, -1)
	if body, _, err := decode(&d, "abc", 1, 1); body != "abc" || err != nil || d.Done() || !d.EOF() || !d.Done() {
		t.Errorf("until close: %q, %v", body, err)
	}
}

// A pooled decoder begins anew, and does not keep a big trailer's memory.
func TestDecoderAgain(t *testing.T) {
	var d Decoder
	for range 3 {
		d.Begin(message.BodyChunked, -1)
		in := "0\r\n" + strings.Repeat("X-A: 0123456789\r\n", 1000) + "\r\n"
		if _, _, err := decode(&d, in, len(in), 1); err != nil || len(d.Trailer) != 17000 {
			t.Fatal(err, len(d.Trailer))
		}
	}
	d.Begin(message.BodyNone, 0)
	if len(d.Trailer) != 0 || cap(d.Trailer) > maxChunkLine {
		t.Errorf("%d, %d", len(d.Trailer), cap(d.Trailer))
	}
}

// Gather gives what Decode gives, in fewer pieces.
func TestGather(t *testing.T) {
	text := "1\r\na\r\n2;x\r\nbc\r\n5\r\ndefgh\r\n0\r\nT: u\r\n\r\nnext"
	for split := range len(text) + 1 {
		var d Decoder
		d.Begin(message.BodyChunked, -1)
		got, calls, rest := "", 0, text
		for _, piece := range []string{text[:split], text[split:]} {
			for b := []byte(piece); len(b) > 0 && !d.Done(); calls++ {
				data, n, err := d.Gather(b)
				if err != nil || n == 0 {
					t.Fatal(err, n)
				}
				got += string(data)
				b, rest = b[n:], rest[n:]
			}
		}
		if got != "abcdefgh" || !d.Done() || rest != "next" || calls > 2 {
			t.Errorf("split at %d: %q, %q left, %d calls", split, got, rest, calls)
		}
	}
	var d Decoder
	d.Begin(message.BodyChunked, -1)
	b := []byte("1\r\na\r\n1\r\nb\r\nzz")
	data, n, err := d.Gather(b)
	if string(data) != "ab" || err != nil {
		t.Errorf("before the error: %q, %v", data, err)
	}
	if data, _, err = d.Gather(b[n:]); len(data) != 0 || err != ErrBad {
		t.Errorf("then: %q, %v", data, err)
	}
	d.Begin(message.BodyChunked, -1)
	if data, _, err = d.Gather([]byte("1;a\nb")); len(data) != 0 || err != ErrBad {
		t.Errorf("at once: %q, %v", data, err)
	}
	d.Begin(message.BodyLength, 3)
	if data, n, err = d.Gather([]byte("abcdef")); string(data) != "abc" || n != 3 || err != nil {
		t.Errorf("by length: %q, %d, %v", data, n, err)
	}
}

func TestAppendChunk(t *testing.T) {
	out := AppendChunk(AppendChunk(AppendChunk(nil, []byte("abc")), nil), bytes.Repeat([]byte("x"), 26))
	out = append(out, LastChunk...)
	if want := "3\r\nabc\r\n1a\r\n" + strings.Repeat("x", 26) + "\r\n0\r\n\r\n"; string(out) != want {
		t.Errorf("%q", out)
	}
}

// TestTrailer: what a Decoder collected becomes fields, without those that have no place there.
func TestTrailer(t *testing.T) {
	var d Decoder
	d.Begin(message.BodyChunked, 0)
	in := []byte("0\r\nX-A: 1\r\nContent-Length: 5\r\nhost:b\r\nx-b:\t two \r\nX-Empty:\r\n\r\nrest")
	if _, n, err := d.Decode(in); err != nil || !d.Done() || string(in[n:]) != "rest" {
		t.Fatalf("%d %v", n, err)
	}
	var x message.Exchange
	var pool message.Pool
	if err := x.Begin(&pool); err != nil {
		t.Fatal(err)
	}
	defer x.End()
	if err := AdoptTrailer(d.Trailer, x.Shared, &x.Trailer, 10); err != nil {
		t.Fatal(err)
	}
	if got := string(AppendTrailer(nil, x.Shared, &x.Trailer, &[256]bool{})); got != "0\r\nX-A: 1\r\nx-b: two\r\nX-Empty: \r\n\r\n" {
		t.Errorf("%q", got)
	}
	x.Clear(&x.Trailer)
	if _ = AdoptTrailer(d.Trailer, x.Shared, &x.Trailer, 1); x.Trailer.N != 1 {
		t.Errorf("%d fields of one", x.Trailer.N)
	}
}
