package websocket

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzReader reads the same bytes whole and byte by byte: both give the same
// messages and the same end, within the limit.
func FuzzReader(f *testing.F) {
	h := Header{Fin: true, Op: Text, Masked: true, Key: [4]byte{1, 2, 3, 4}}
	f.Add(AppendFrame(nil, h, []byte("hello")), true)
	f.Add(AppendFrame(AppendFrame(nil, Header{Op: Text, Masked: true}, []byte("a")), Header{Fin: true, Masked: true}, []byte("\xc3")), false)
	d := Deflater{}
	f.Add(AppendFrame(nil, Header{Fin: true, RSV: rsv1, Op: Binary, Masked: true}, d.Append(nil, bytes.Repeat([]byte("x"), 2000))), true)
	f.Add(AppendFrame(nil, Header{Fin: true, Op: Close, Masked: true}, []byte{3, 232}), false)
	f.Fuzz(func(t *testing.T, in []byte, deflate bool) {
		const limit = 4096
		read := func(piece int) (got []Message, end int) {
			r := Reader{Limit: limit}
			if deflate {
				r.Inflate = &Inflater{}
			}
			all := bytes.Clone(in)
			for len(all) > 0 {
				p := all[:min(piece, len(all))]
				all = all[len(p):]
				for len(p) > 0 {
					n, m, ok, err := r.Next(p)
					var e *Error
					if err != nil {
						if !errors.As(err, &e) || !ValidCode(e.Code) {
							t.Fatalf("error %v", err)
						}
						return got, e.Code
					}
					if ok {
						if len(m.Payload) > limit {
							t.Fatalf("%d bytes", len(m.Payload))
						}
						m.Payload = bytes.Clone(m.Payload)
						got = append(got, m)
					} else if n != len(p) {
						t.Fatalf("took %d of %d without a message", n, len(p))
					}
					p = p[n:]
				}
			}
			return got, 0
		}
		a, endA := read(len(in) + 1)
		b, endB := read(1)
		if endA != endB || len(a) != len(b) {
			t.Fatalf("whole: %d messages, end %d; in bytes: %d, %d", len(a), endA, len(b), endB)
		}
		for i := range a {
			if a[i].Op != b[i].Op || a[i].Code != b[i].Code || !bytes.Equal(a[i].Payload, b[i].Payload) {
				t.Fatalf("message %d: %v and %v", i, a[i], b[i])
			}
		}
	})
}

// FuzzExtensions: what is accepted can be read back.
func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits, x; y=\"z\"")
	f.Fuzz(func(t *testing.T, s string) {
		if _, answer, ok := AcceptDeflate(s, false); ok {
			if _, _, ok := AcceptDeflate(answer, false); !ok {
				t.Fatalf("%q gives %q", s, answer)
			}
		}
	})
}

// FuzzFollower: pieces of any size leave a Follower where the whole does.
func FuzzFollower(f *testing.F) {
	f.Add(AppendFrame(nil, Header{Fin: true, Op: Close, Masked: true}, []byte{3, 232}), 3)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		var whole, parts Follower
		whole.Pass(in)
		for p := in; len(p) > 0; {
			n := min(max(piece, 1), len(p))
			parts.Pass(p[:n])
			p = p[n:]
		}
		if whole.Between() != parts.Between() || whole.Closed() != parts.Closed() || whole.left != parts.left {
			t.Fatalf("whole %v, in parts %v", whole, parts)
		}
	})
}
