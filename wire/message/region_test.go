package message

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestPutAndRoom(t *testing.T) {
	x := begin(t)
	var kept []Str
	for i := range 1000 {
		v, err := x.PutString(fmt.Sprint("value ", i))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, v)
		room, err := x.Room(100)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, x.Take(copy(room, fmt.Sprint("room ", i))))
	}
	for i, v := range kept {
		want := fmt.Sprint([]string{"value ", "room "}[i%2], i/2)
		if x.View(v) != want || string(x.Bytes(v)) != want || v.Off%4 != 0 {
			t.Fatalf("%d: %q at %d, want %q", i, x.View(v), v.Off, want)
		}
	}
	if v, err := x.PutString(""); v != (Str{}) || err != nil || x.View(v) != "" || len(x.Bytes(v)) != 0 {
		t.Error("the empty string", v, err)
	}
}

func TestFull(t *testing.T) {
	for _, one := range []struct {
		name string
		fill func(x *Exchange) error
	}{
		{"Put", func(x *Exchange) error { _, err := x.Put(make([]byte, 1000)); return err }},
		{"PutString", func(x *Exchange) error { _, err := x.PutString(strings.Repeat("x", 1000)); return err }},
		{"Add", func(x *Exchange) error { return x.Add(&x.Request, "Name", strings.Repeat("x", 1000)) }},
		{"Set", func(x *Exchange) error { return x.Set(&x.Request, "Name", strings.Repeat("x", 1000)) }},
		{"Append", func(x *Exchange) error { return x.Append(&x.Request, Field{}) }},
		{"Reserve", func(x *Exchange) error { return x.Reserve(&x.Request, x.Request.Cap+100) }},
		{"Room", func(x *Exchange) error {
			if _, err := x.Room(1000); err != nil {
				return err
			}
			x.Take(1000)
			return nil
		}},
	} {
		x := begin(t)
		_ = x.Add(&x.Response, "Before", "there")
		var err error
		for i := 0; err == nil; i++ {
			if i > 2*regionSize {
				t.Fatal(one.name, "never fails")
			}
			before := x.Request
			err = one.fill(x)
			if err != nil && x.Request != before {
				t.Errorf("%s: the failure changed the table", one.name)
			}
		}
		if err != ErrRegionFull || x.Used > x.Cap {
			t.Errorf("%s: %v, %d of %d", one.name, err, x.Used, x.Cap)
		}
		if x.Get(&x.Response, "Before") != "there" {
			t.Errorf("%s: other fields broke", one.name)
		}
	}
}

func TestFullAtOnce(t *testing.T) {
	x := begin(t)
	big := make([]byte, regionSize+1)
	if _, err := x.Put(big); err != ErrRegionFull {
		t.Error(err)
	}
	for _, n := range []int{-1, regionSize + 1, 1 << 32, 1<<32 + 1, 1 << 40} {
		if _, err := x.Room(n); err != ErrRegionFull {
			t.Errorf("Room(%d): %v", n, err)
		}
	}
	if err := x.Reserve(&x.Request, 1<<31); err != ErrRegionFull {
		t.Error(err)
	}
	if err := x.Reserve(&x.Request, 1<<32-1); err != ErrRegionFull {
		t.Error(err)
	}
	// All parts are still there, and what is left of each can be used to the last byte.
	for _, size := range []int{int(x.Cap - x.Used), secondSize, regionSize} {
		if v, err := x.Put(bytes.Repeat([]byte("z"), size)); err != nil || int(v.Len) != size || x.Used != x.Cap {
			t.Error(err, v, x.Used, x.Cap)
		}
	}
	if _, err := x.PutString("a"); err != ErrRegionFull {
		t.Error(err)
	}
}

// A region comes back clean: nothing of an earlier request shows.
func TestPoolReuse(t *testing.T) {
	p := &Pool{}
	defer p.Close()
	var x Exchange
	if err := x.Begin(p); err != nil {
		t.Fatal(err)
	}
	first := uintptr(unsafe.Pointer(x.Shared))
	_ = x.Add(&x.Request, "Secret", strings.Repeat("s", 100<<10))
	x.Status, x.LuaCtx, x.Bits, x.StartTime = 200, 7, BitGRPC, 1.5
	x.Method, _ = x.PutString("GET")
	x.ClientGone = true
	x.End()
	if x.Shared != nil {
		t.Error("the exchange keeps its region")
	}
	x.End() // twice does no harm
	if err := x.Begin(p); err != nil {
		t.Fatal(err)
	}
	if uintptr(unsafe.Pointer(x.Shared)) != first {
		t.Error("the region that was used last is not taken first")
	}
	if *x.Shared != (Shared{Used: sharedSize, Cap: firstSize, Second: x.Second, Large: x.Large}) || x.ClientGone {
		t.Errorf("%+v", *x.Shared)
	}
	if bytes.Contains(x.raw(x.Large, regionSize)[keepBytes:], []byte("ssss")) {
		t.Error("a big request's memory was not given back")
	}
	x.End()
	if len(p.free) != slabRegions || len(p.slabs) != 1 {
		t.Errorf("%d free, %d slabs", len(p.free), len(p.slabs))
	}
}

func TestPoolGrows(t *testing.T) {
	p := &Pool{}
	defer p.Close()
	seen := map[*Shared]bool{}
	var all []*Exchange
	for range slabRegions*2 + 1 {
		x := &Exchange{}
		if err := x.Begin(p); err != nil {
			t.Fatal(err)
		}
		if seen[x.Shared] {
			t.Fatal("a region was given out twice")
		}
		seen[x.Shared] = true
		_, _ = x.PutString(fmt.Sprint(len(all)))
		all = append(all, x)
	}
	for i, x := range all {
		if got := x.View(Str{sharedSize, uint32(len(fmt.Sprint(i)))}); got != fmt.Sprint(i) {
			t.Errorf("region %d holds %q", i, got)
		}
		x.End()
	}
	if len(p.slabs) != 3 || len(p.free) != 3*slabRegions {
		t.Errorf("%d slabs, %d free", len(p.slabs), len(p.free))
	}
}

func TestLayout(t *testing.T) {
	if sharedSize%8 != 0 || fieldSize != 20 {
		t.Errorf("Shared has %d bytes, Field %d", sharedSize, fieldSize)
	}
}

func TestBeginDoesNotAllocate(t *testing.T) {
	p := &Pool{}
	defer p.Close()
	var x Exchange
	if n := testing.AllocsPerRun(100, func() {
		if err := x.Begin(p); err != nil {
			t.Fatal(err)
		}
		_ = x.Set(&x.Response, "Server", "gibbon")
		_ = x.Set(&x.Response, "Server", "gibbon again")
		x.End()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The parts of a slab's regions do not overlap, and lie within it.
func TestPartsAreApart(t *testing.T) {
	p := &Pool{}
	defer p.Close()
	type part struct{ from, to uintptr }
	var parts []part
	for range slabRegions {
		var x Exchange
		if err := x.Begin(p); err != nil {
			t.Fatal(err)
		}
		base := uintptr(unsafe.Pointer(x.Shared))
		parts = append(parts, part{base, base + firstSize}, part{base + uintptr(x.Second), base + uintptr(x.Second) + secondSize},
			part{base + uintptr(x.Large), base + uintptr(x.Large) + regionSize})
	}
	slices.SortFunc(parts, func(a, b part) int { return int(a.from) - int(b.from) })
	at := uintptr(unsafe.Pointer(&p.slabs[0][0]))
	for _, one := range parts {
		if one.from != at {
			t.Fatalf("a part begins at %d, the one before ended at %d", one.from, at)
		}
		at = one.to
	}
	if end := uintptr(unsafe.Pointer(&p.slabs[0][0])) + uintptr(len(p.slabs[0])); at != end {
		t.Errorf("the last part ends at %d, the slab at %d", at, end)
	}
}
