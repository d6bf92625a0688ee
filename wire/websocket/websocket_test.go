package websocket

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestHeaderForms(t *testing.T) {
	for _, n := range []uint64{0, 1, 125, 126, 127, 65535, 65536, 1 << 40} {
		for _, masked := range []bool{false, true} {
			h := Header{Fin: true, RSV: 4, Op: Binary, Masked: masked, Length: n}
			if masked {
				h.Key = [4]byte{9, 8, 7, 6}
			}
			b := AppendHeader(nil, &h)
			for i := range b {
				if _, size, err := ParseHeader(b[:i]); size != 0 || err != nil {
					t.Fatalf("%d of %d bytes: %d, %v", i, len(b), size, err)
				}
			}
			if got, size, err := ParseHeader(b); got != h || size != len(b) || err != nil {
				t.Errorf("%+v became %+v, %d, %v", h, got, size, err)
			}
		}
	}
	for _, long := range [][]byte{{0x82, 126, 0, 125}, {0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}} {
		if _, _, err := ParseHeader(long); err == nil {
			t.Errorf("% x is taken", long)
		}
	}
}

func TestMask(t *testing.T) {
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	for n := range 100 {
		for pos := range 5 {
			b := bytes.Repeat([]byte{0x55}, n)
			Mask(key, pos, b)
			for i := range b {
				if b[i] != 0x55^key[(pos+i)&3] {
					t.Fatalf("byte %d of %d from %d", i, n, pos)
				}
			}
		}
	}
}

// TestAggregation: the limit holds for the sum of fragments and fails with the
// one that passes it, by its header alone.
func TestAggregation(t *testing.T) {
	r := Reader{FromServer: true, Limit: 1024}
	part := strings.Repeat("x", 500)
	in := AppendFrame(nil, Header{Op: Text}, []byte(part))
	in = AppendFrame(in, Header{Op: Continuation}, []byte(part))
	if n, _, ok, err := r.Next(in); ok || err != nil || n != len(in) {
		t.Fatal(n, ok, err)
	}
	_, _, _, err := r.Next(AppendHeader(nil, &Header{Fin: true, Length: 500}))
	var e *Error
	if !errors.As(err, &e) || e.Code != MessageTooBig {
		t.Fatal(err)
	}
}

func TestInPlace(t *testing.T) {
	p := AppendFrame(nil, Header{Fin: true, Op: Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}}, []byte("payload"))
	r := Reader{}
	_, m, ok, err := r.Next(p)
	if !ok || err != nil || string(m.Payload) != "payload" || &m.Payload[0] != &p[6] {
		t.Fatal(m, ok, err)
	}
	if avg := testing.AllocsPerRun(100, func() {
		Mask([4]byte{1, 2, 3, 4}, 0, p[6:])
		_, _, _, _ = r.Next(p)
	}); avg != 0 {
		t.Errorf("%v allocations per frame", avg)
	}
}

func TestClosePayload(t *testing.T) {
	b := AppendClosePayload(nil, 1000, strings.Repeat("ä", 100))
	if len(b) > MaxControl {
		t.Fatal(len(b))
	}
	code, reason, err := ParseClose(b)
	if code != 1000 || err != nil || string(reason) != strings.Repeat("ä", 61) {
		t.Fatal(code, string(reason), err)
	}
}

// TestDeflate compresses and decompresses messages with every combination of
// takeover and window.
func TestDeflate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, none := range []bool{false, true} {
		for _, bits := range []int{0, 8, 9, 12, 15} {
			def, inf := Deflater{NoTakeover: none, Bits: bits}, Inflater{NoTakeover: none}
			for i := range 40 {
				p := make([]byte, rnd.IntN(100_000))
				for j := range p {
					p[j] = "abcdefgh"[rnd.IntN(8)]
				}
				if i%8 == 0 {
					p = nil
				}
				got, err := inf.Message(def.Append(nil, p), len(p)+1)
				if err != nil || !bytes.Equal(got, p) {
					t.Fatalf("takeover %v, bits %d, message %d of %d bytes: %d, %v", !none, bits, i, len(p), len(got), err)
				}
			}
		}
	}
	bomb := (&Deflater{}).Append(nil, make([]byte, 10<<20))
	var e *Error
	if _, err := (&Inflater{}).Message(bomb, 1<<20); !errors.As(err, &e) || e.Code != MessageTooBig {
		t.Fatal(err)
	}
}

func TestNegotiation(t *testing.T) {
	for _, c := range []struct {
		offers, answer string
		no             bool
	}{
		{"permessage-deflate", "permessage-deflate", false},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
		{"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10", false},
		{"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover", false},
		{"permessage-deflate; unknown", "", false},
		{"permessage-deflate; server_max_window_bits=010", "", false},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", "", false},
		{"permessage-deflate; client_max_window_bits=\"12\"", "permessage-deflate", false},
		{"permessage-deflate;;", "", false}, {"", "", false}, {"a=b", "", false},
	} {
		if _, answer, ok := AcceptDeflate(c.offers, c.no); answer != c.answer || ok != (c.answer != "") {
			t.Errorf("%q: %q", c.offers, answer)
		}
	}
	for answer, good := range map[string]bool{
		"": true, "permessage-deflate; server_no_context_takeover": true,
		"permessage-deflate; server_no_context_takeover; client_max_window_bits=12": true,
		"permessage-deflate": false, "permessage-deflate; client_max_window_bits": false, "other": false,
		"permessage-deflate; server_no_context_takeover, other": false,
	} {
		if _, err := CheckExtensions(answer); (err == nil) != good {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestHandshake(t *testing.T) {
	if a := Accept("dGhlIHNhbXBsZSBub25jZQ=="); a != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(a)
	}
	good := map[string]string{"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
	for _, c := range []struct {
		name, value string
		want        error
	}{{"X", "", nil}, {"Connection", "close", ErrUpgrade}, {"Upgrade", "h2c", ErrUpgrade}, {"Sec-WebSocket-Key", "short", ErrKey}, {"Sec-WebSocket-Version", "8", ErrVersion}} {
		err := CheckRequest("GET", 1, 1, func(name string) string {
			if name == c.name {
				return c.value
			}
			return good[name]
		})
		if err != c.want {
			t.Errorf("%s %q: %v", c.name, c.value, err)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	p := AppendFrame(nil, Header{Fin: true, Op: Text, Masked: true, Key: [4]byte{1, 2, 3, 4}}, bytes.Repeat([]byte("x"), 1024))
	r := Reader{Limit: 1 << 20}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Mask([4]byte{1, 2, 3, 4}, 0, p[8:])
		_, _, _, _ = r.Next(p)
	}
}

// TestFollower: wherever the pieces of a stream end, frames end where they do.
func TestFollower(t *testing.T) {
	var all []byte
	ends := map[int]bool{0: true}
	for i, n := range []int{0, 1, 125, 126, 65535, 65536, 3} {
		h := Header{Fin: i%2 == 0, Op: Binary, Masked: i%3 != 0, Key: [4]byte{1, 2, 3, 4}}
		all = AppendFrame(all, h, make([]byte, n))
		ends[len(all)] = true
	}
	all = AppendFrame(all, Header{Fin: true, Op: Close}, []byte{3, 232})
	ends[len(all)] = true
	for _, piece := range []int{1, 2, 7, 1000, 70000, len(all)} {
		var f, whole Follower
		for at := 0; at < len(all); {
			if f.Between() != ends[at] {
				t.Fatalf("pieces of %d: between frames at %d: %t", piece, at, f.Between())
			}
			p := all[at:min(at+piece, len(all))]
			n := f.Until(p)
			if n == 0 {
				t.Fatalf("pieces of %d: nothing taken at %d", piece, at)
			}
			at += n
			if f.Closed() != (at == len(all)) {
				t.Fatalf("pieces of %d: closed at %d of %d", piece, at, len(all))
			}
			whole.Pass(p[:n])
			if whole != f {
				t.Fatalf("pieces of %d: Pass gives %v, Until %v", piece, whole, f)
			}
		}
	}
	var f Follower
	f.Pass([]byte{0x82, 126, 0, 1, 'x'})
	if f.Between() {
		t.Error("a length that is too long for its form is followed")
	}
}
