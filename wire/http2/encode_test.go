package http2

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// TestEncoder has x/net's decoder read random blocks while table sizes change.
func TestEncoder(t *testing.T) {
	names := []string{":status", ":path", "content-type", "x-a", "x-b", "server", "date", "set-cookie", "cookie", "authorization", "x-" + strings.Repeat("n", 200)}
	for seed := int64(0); seed < 50; seed++ {
		r := rand.New(rand.NewSource(seed))
		e := newEncoder()
		var got []hpack.HeaderField
		d := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f) })
		bytes, indexed := 0, 0
		for block := 0; block < 300; block++ {
			for r.Intn(40) == 0 {
				n := uint32(r.Intn(6000))
				if r.Intn(3) == 0 {
					n = uint32(r.Intn(200))
				}
				e.limit(n)
				d.SetAllowedMaxDynamicTableSize(n)
			}
			var want []hpack.HeaderField
			b := e.begin(nil)
			for i := r.Intn(15); i >= 0; i-- {
				f := hpack.HeaderField{Name: names[r.Intn(len(names))], Value: fmt.Sprint(r.Intn(4), strings.Repeat("v", r.Intn(3)*r.Intn(700)))}
				if f.Name == ":status" {
					f.Value = fmt.Sprint(200 + r.Intn(3))
				}
				want = append(want, f)
				at := len(b)
				// The strings may change afterwards: nothing of them is kept.
				name, value := []byte(f.Name), []byte(f.Value)
				b = e.field(b, view(name), view(value))
				clear(name)
				clear(value)
				if len(b)-at <= 2 {
					indexed++
				}
			}
			bytes += len(b)
			got = nil
			if _, err := d.Write(b); err != nil {
				t.Fatalf("seed %d block %d: %v", seed, block, err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i].Sensitive = false
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d block %d: got %v, want %v", seed, block, got, want)
			}
			if e.size > e.max || e.ins-e.low > encoderEntries {
				t.Fatalf("table of %d bytes in %d", e.size, e.max)
			}
		}
		if indexed == 0 {
			t.Error("nothing was indexed")
		}
	}
}

// TestEncoderLearns: what repeats shrinks, what is sensitive is never indexed.
func TestEncoderLearns(t *testing.T) {
	e := newEncoder()
	size := func(name, value string) int { return len(e.field(nil, name, value)) }
	for i, want := range []int{9, 9, 1, 1} {
		if got := size("x-a", "b12"); got != want {
			t.Errorf("time %d: %d bytes, want %d", i, got, want)
		}
	}
	for i := 0; i < 4; i++ {
		if size("authorization", "Bearer x") < 8 {
			t.Error("indexed")
		}
	}
	if b := e.field(nil, "authorization", "x"); b[0]&0xf0 != 0x10 {
		t.Errorf("%x is not marked as never indexed", b[0])
	}
	if got := size(":status", "404"); got != 1 {
		t.Errorf("%d bytes for a static field", got)
	}
}

func FuzzEncoder(f *testing.F) {
	f.Add("x-a", "b", "server", "x", uint16(0))
	f.Add(":path", "/", "", "", uint16(100))
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, limit uint16) {
		e := newEncoder()
		var got []hpack.HeaderField
		d := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f) })
		for i := 0; i < 6; i++ {
			if i == 3 {
				e.limit(uint32(limit))
				d.SetAllowedMaxDynamicTableSize(uint32(limit))
			}
			b := e.field(e.field(e.begin(nil), n1, v1), n2, v2)
			got = got[:0]
			if _, err := d.Write(b); err != nil {
				t.Fatal(err)
			}
			if d.Close() != nil || len(got) != 2 || got[0].Name != n1 || got[0].Value != v1 || got[1].Name != n2 || got[1].Value != v2 {
				t.Fatalf("got %v", got)
			}
		}
	})
}
