package message

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func begin(t testing.TB) *Exchange {
	t.Helper()
	p := &Pool{}
	x := &Exchange{}
	if err := x.Begin(p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return x
}

// table lists the fields of h that are there: name=value, with ~ for edited
// ones, ^ for those in the place of a received one, ! for hop-by-hop ones.
func table(x *Exchange, h *Head) string {
	var all []string
	fs := x.Fields(h)
	for i := range fs {
		f := &fs[i]
		if f.Flags&FieldGone != 0 {
			continue
		}
		s := string(x.NameOf(f)) + "=" + string(x.ValueOf(f))
		for flag, mark := range []string{"", "~", "!", "^"} {
			if mark != "" && f.Flags&(1<<flag) != 0 {
				s += mark
			}
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

// received adds a field as a codec does, without the mark of an edit.
func received(t testing.TB, x *Exchange, h *Head, name, value string, flags uint8) {
	t.Helper()
	n, err := x.PutString(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.PutString(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Append(h, Field{Name: Str16{Off: n.Off, Len: uint16(n.Len)}, Value: v, Flags: flags, ID: Known(name)}); err != nil {
		t.Fatal(err)
	}
}

// The operations have exchange.h's semantics: a set takes the first place, a
// removed field keeps its own, an added one goes last.
func TestHeadOperations(t *testing.T) {
	for _, one := range []struct {
		name string
		do   func(x *Exchange, h *Head) error
		want string
	}{
		{"nothing", func(*Exchange, *Head) error { return nil }, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=z!"},
		{"set a first one", func(x *Exchange, h *Head) error { return x.Set(h, "x-A", "9") }, "Host=a x-A=9~^ X-B=2 Upgrade=z!"},
		{"set twice", func(x *Exchange, h *Head) error { _ = x.Set(h, "x-A", "8"); return x.Set(h, "X-a", "9") }, "Host=a X-a=9~^ X-B=2 Upgrade=z!"},
		{"set a new one", func(x *Exchange, h *Head) error { return x.Set(h, "N", "n") }, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=z! N=n~"},
		{"set a new one twice", func(x *Exchange, h *Head) error { _ = x.Set(h, "N", "n"); return x.Set(h, "n", "m") }, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=z! n=m~"},
		{"set a hop-by-hop one", func(x *Exchange, h *Head) error { return x.Set(h, "Upgrade", "y") }, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=y~^"},
		{"set to nothing", func(x *Exchange, h *Head) error { return x.Set(h, "Host", "") }, "Host=~^ X-A=1 X-B=2 x-a=3 Upgrade=z!"},
		{"add", func(x *Exchange, h *Head) error { return x.Add(h, "X-A", "4") }, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=z! X-A=4~"},
		{"delete all", func(x *Exchange, h *Head) error { x.Del(h, "X-a"); return nil }, "Host=a X-B=2 Upgrade=z!"},
		{"delete, then set", func(x *Exchange, h *Head) error { x.Del(h, "X-a"); return x.Set(h, "X-A", "5") }, "Host=a X-B=2 Upgrade=z! X-A=5~"},
		{"delete none", func(x *Exchange, h *Head) error {
			if x.Del(h, "nope") {
				return errors.New("something was deleted")
			}
			return nil
		}, "Host=a X-A=1 X-B=2 x-a=3 Upgrade=z!"},
		{"clear", func(x *Exchange, h *Head) error { x.Clear(h); return nil }, ""},
		{"clear, then add", func(x *Exchange, h *Head) error { x.Clear(h); return x.Add(h, "A", "b") }, "A=b~"},
	} {
		x := begin(t)
		h := &x.Request
		for _, f := range [][2]string{{"Host", "a"}, {"X-A", "1"}, {"X-B", "2"}, {"x-a", "3"}} {
			received(t, x, h, f[0], f[1], 0)
		}
		received(t, x, h, "Upgrade", "z", FieldHop)
		if err := one.do(x, h); err != nil {
			t.Errorf("%s: %v", one.name, err)
		}
		if got := table(x, h); got != one.want {
			t.Errorf("%s: %s, want %s", one.name, got, one.want)
		}
	}
}

func TestFind(t *testing.T) {
	x := begin(t)
	h := &x.Response
	if x.Find(h, "a") != nil || x.FindID(h, HeaderHost) != nil || x.Get(h, "") != "" || x.Fields(h) != nil {
		t.Error("something is in an empty head")
	}
	_ = x.Add(h, "Content-Type", "a")
	_ = x.Add(h, "content-type", "b")
	if f := x.FindID(h, HeaderContentType); f == nil || string(x.ValueOf(f)) != "a" {
		t.Error("FindID does not give the first")
	}
	if x.Get(h, "CONTENT-TYPE") != "a" || x.Get(h, "Content-Typ") != "" || x.Get(h, "Content_Type") != "" {
		t.Error("Get")
	}
	x.Find(h, "content-type").Flags |= FieldGone
	if x.Get(h, "content-type") != "b" || string(x.ValueOf(x.FindID(h, HeaderContentType))) != "b" {
		t.Error("a removed field is found")
	}
	if !x.Del(h, "Content-Type") || x.FindID(h, HeaderContentType) != nil || x.Del(h, "Content-Type") {
		t.Error("Del")
	}
}

func TestNameErrors(t *testing.T) {
	x := begin(t)
	h := &x.Request
	for _, name := range []string{"", strings.Repeat("n", 65536)} {
		if err := x.Add(h, name, "v"); err != ErrName {
			t.Errorf("Add, %d bytes: %v", len(name), err)
		}
		if err := x.Set(h, name, "v"); err != ErrName {
			t.Errorf("Set, %d bytes: %v", len(name), err)
		}
	}
	long := strings.Repeat("n", 65535)
	if err := x.Add(h, long, "v"); err != nil || x.Get(h, long) != "v" {
		t.Errorf("65535 bytes: %v", err)
	}
}

// Random edits against the plain way to do them.
func TestHeadAgainstModel(t *testing.T) {
	type pair struct{ name, value string }
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"A", "a", "Host", "HOST", "X-Long-Name", "x-long-name", "B"}
	for round := range 300 {
		x := begin(t)
		h := &x.Request
		var model []pair
		drop := func(name string, from int) {
			for i := len(model) - 1; i >= from; i-- {
				if strings.EqualFold(model[i].name, name) {
					model = append(model[:i], model[i+1:]...)
				}
			}
		}
		for step := range 60 {
			name, value := names[r.IntN(len(names))], fmt.Sprint(r.IntN(100))
			switch r.IntN(4) {
			case 0, 1:
				model = append(model, pair{name, value})
				_ = x.Add(h, name, value)
			case 2:
				at := len(model)
				for i := range model {
					if strings.EqualFold(model[i].name, name) {
						at = i
						break
					}
				}
				if at == len(model) {
					model = append(model, pair{})
				}
				model[at] = pair{name, value}
				drop(name, at+1)
				_ = x.Set(h, name, value)
			case 3:
				drop(name, 0)
				x.Del(h, name)
			}
			var want, got []string
			for _, p := range model {
				want = append(want, p.name+"="+p.value)
			}
			fs := x.Fields(h)
			for i := range fs {
				if fs[i].Flags&FieldGone == 0 {
					got = append(got, string(x.NameOf(&fs[i]))+"="+string(x.ValueOf(&fs[i])))
				}
				if fs[i].ID != Known(string(x.NameOf(&fs[i]))) {
					t.Fatalf("the number of %s is %d", x.NameOf(&fs[i]), fs[i].ID)
				}
			}
			if fmt.Sprint(want) != fmt.Sprint(got) {
				t.Fatalf("round %d, step %d: %v, want %v", round, step, got, want)
			}
		}
	}
}

func TestExtend(t *testing.T) {
	x := begin(t)
	h := &x.Request
	if fs, err := x.Extend(h, 0); fs != nil || err != nil || h.N != 0 {
		t.Error(fs, err)
	}
	_ = x.Add(h, "A", "1")
	fs, err := x.Extend(h, 40)
	if err != nil || len(fs) != 40 || h.N != 41 || h.Cap < 41 {
		t.Fatal(len(fs), err, *h)
	}
	for i := range fs {
		fs[i] = x.Fields(h)[0]
	}
	if x.Get(h, "a") != "1" || len(x.Fields(h)) != 41 {
		t.Error(table(x, h))
	}
}

func TestEqualFold(t *testing.T) {
	for c := range 256 {
		for d := range 256 {
			a, b := []byte{'x', byte(c)}, string([]byte{'X', byte(d)})
			want := c == d || c < 128 && d < 128 && strings.EqualFold(string(rune(c)), string(rune(d)))
			if EqualFold(a, b) != want {
				t.Errorf("%q %q: %v", a, b, !want)
			}
		}
	}
	if EqualFold([]byte("a"), "ab") || EqualFold(nil, "a") || !EqualFold(nil, "") {
		t.Error("lengths")
	}
}

func TestKnown(t *testing.T) {
	seen := map[string]bool{}
	for id := HeaderOther + 1; int(id) < KnownCount(); id++ {
		name := id.Name()
		if name == "" || seen[name] || name != strings.ToLower(name) {
			t.Errorf("%d is called %q", id, name)
		}
		seen[name] = true
		for _, n := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if Known(n) != id || KnownBytes([]byte(n)) != id {
				t.Errorf("%s: %d, want %d", n, Known(n), id)
			}
		}
		for i := range name { // each byte counts
			n := []byte(name)
			if n[i] ^= 1; KnownBytes(n) == id {
				t.Errorf("%q is taken for %s", n, name)
			}
		}
		for _, n := range []string{name + "x", name[:len(name)-1], "x" + name[1:] + "-", strings.ReplaceAll(name, "-", "\r"), strings.ReplaceAll(name, "e", "\x05")} {
			if Known(n) != HeaderOther && !seen[n] {
				t.Errorf("%q is taken for %s", n, Known(n).Name())
			}
		}
	}
	if Known("") != HeaderOther || KnownBytes(nil) != HeaderOther || Known(strings.Repeat("x", 70000)) != HeaderOther {
		t.Error("odd names are known")
	}
}

func BenchmarkKnown(b *testing.B) {
	names := []string{"Host", "User-Agent", "Accept", "X-Request-Source", "Cookie", "Content-Type"}
	for b.Loop() {
		for _, n := range names {
			if Known(n) == headerEnd {
				b.Fatal(n)
			}
		}
	}
}
