package message

import (
	"strconv"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	var p Pool
	defer p.Close()
	var x Exchange
	if err := x.Begin(&p); err != nil {
		t.Fatal(err)
	}
	h := &x.Response
	for _, f := range [][2]string{{"Server", "upstream"}, {"VIA", "1.0 other"}, {"Date", "gone"}, {"X-Other", "o"}} {
		if err := x.Add(h, f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	x.Del(h, "date")
	l := x.OpenLines(h, 2, 60)
	if !l.Has(HeaderServer) || !l.Has(HeaderVia) || l.Has(HeaderDate) {
		t.Error("what the head has")
	}
	l.AddInt(HeaderXKongUpstreamLatency, "X-Kong-Upstream-Latency: ", 12)
	l.Add(HeaderVia, "Via: ", "1.0 other, 1.1 own") // in the place that it has
	l.Add(HeaderDate, "Date: ", "now")
	long := strings.Repeat("x", 100)
	l.Add(HeaderLocation, "Location: ", long) // more than there is room for
	l.AddInt(HeaderXKongProxyLatency, "X-Kong-Proxy-Latency: ", 345)
	l.Close()
	want := []struct{ name, value string }{
		{"Server", "upstream"}, {"Via", "1.0 other, 1.1 own"}, {"X-Other", "o"},
		{"X-Kong-Upstream-Latency", "12"}, {"Date", "now"}, {"Location", long}, {"X-Kong-Proxy-Latency", "345"},
	}
	i := 0
	for _, f := range x.Fields(h) {
		if f.Flags&FieldGone != 0 {
			continue
		}
		name, value := string(x.NameOf(&f)), string(x.ValueOf(&f))
		if i >= len(want) || name != want[i].name || value != want[i].value || f.ID != Known(name) || f.Flags&FieldEdited == 0 {
			t.Errorf("field %d is %s: %s, flags %d, id %d", i, name, value, f.Flags, f.ID)
		}
		if f.Flags&FieldLine != 0 {
			if line := string(x.Bytes(Str{f.Name.Off, f.Value.Off + f.Value.Len + 2 - f.Name.Off})); line != name+": "+value+"\r\n" {
				t.Errorf("line %q", line)
			}
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d fields", i)
	}
	if f := x.FindID(h, HeaderXKongUpstreamLatency); f.Flags&FieldLine == 0 {
		t.Error("the first is no line")
	}
	if err := x.Set(h, "x-kong-upstream-latency", "7"); err != nil || x.FindID(h, HeaderXKongUpstreamLatency).Flags&FieldLine != 0 {
		t.Error("a changed field is a line still")
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []int64{0, 9, 10, 99, 100, 999, 1000, 9999, 10000, 65535, 99999, 100000, 123456789012, 1<<63 - 1, -1, -1 << 63} {
		if got := string(AppendInt([]byte("x"), n)); got != "x"+strconv.FormatInt(n, 10) {
			t.Errorf("%d: %s", n, got)
		}
	}
	for in, want := range map[string]int64{"": -1, "0": 0, "12": 12, "+1": -1, "-1": -1, " 1": -1, "1a": -1,
		"999999999999999999": 999999999999999999, "1000000000000000000": -1} {
		if got := ParseLength([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}
