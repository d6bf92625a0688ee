package proxyproto

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func v2(t testing.TB, rest string) string {
	b, err := hex.DecodeString(strings.ReplaceAll("0d0a0d0a 000d0a51 5549540a"+rest, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParse(t *testing.T) {
	ap := netip.MustParseAddrPort
	for _, one := range []struct {
		name, in string
		want     Header
		rest     string
	}{
		{"v1 IPv4", "PROXY TCP4 10.3.2.1 10.0.0.9 5555 8000\r\nGET /", Header{Version: 1, Source: ap("10.3.2.1:5555"), Destination: ap("10.0.0.9:8000")}, "GET /"},
		{"v1 IPv6", "PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n", Header{Version: 1, Source: ap("[2001:db8::9]:1"), Destination: ap("[2001:db8::1]:2")}, ""},
		{"v1 unknown", "PROXY UNKNOWN\r\nx", Header{Version: 1, Local: true}, "x"},
		{"v1 unknown with anything", "PROXY UNKNOWN ff:: a b c d e f\r\n", Header{Version: 1, Local: true}, ""},
		{"v2 IPv4", v2(t, "21 11 000c 0a030201 0a000009 15b3 1f40") + "rest", Header{Version: 2, Source: ap("10.3.2.1:5555"), Destination: ap("10.0.0.9:8000")}, "rest"},
		{"v2 IPv4 with TLV", v2(t, "21 11 0010 0a030201 0a000009 15b3 1f40 04 0001 00") + "r", Header{Version: 2, Source: ap("10.3.2.1:5555"), Destination: ap("10.0.0.9:8000")}, "r"},
		{"v2 UDP IPv6", v2(t, "21 22 0024 20010db8000000000000000000000009 20010db8000000000000000000000001 0001 0002"), Header{Version: 2, UDP: true, Source: ap("[2001:db8::9]:1"), Destination: ap("[2001:db8::1]:2")}, ""},
		{"v2 local", v2(t, "20 00 0000") + "x", Header{Version: 2, Local: true}, "x"},
		{"v2 unspecified", v2(t, "21 00 0003 aabbcc") + "x", Header{Version: 2, Local: true}, "x"},
		{"v2 unix", v2(t, "21 31 00d8"+strings.Repeat("61", 216)) + "x", Header{Version: 2, Local: true}, "x"},
	} {
		got, n, err := Parse([]byte(one.in))
		if err != nil || got != one.want || one.in[n:] != one.rest {
			t.Errorf("%s: %+v, %d, %v", one.name, got, n, err)
		}
		for i := 0; i < n; i++ {
			if _, _, err := Parse([]byte(one.in[:i])); err != ErrMore {
				t.Errorf("%s cut at %d: %v", one.name, i, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for name, in := range map[string]string{
		"request":            "GET / HTTP/1.1\r\n",
		"almost":             "PROXY\tTCP4",
		"v1 family mismatch": "PROXY TCP4 ::1 ::1 1 2\r\n",
		"v1 port":            "PROXY TCP4 1.2.3.4 1.2.3.4 70000 2\r\n",
		"v1 leading zero":    "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
		"v1 no port":         "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
		"v1 more":            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
		"v1 bare LF":         "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
		"v1 only LF":         "PROXY \n",
		"v1 zone":            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
		"v1 UDP4":            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
		"v1 without end":     "PROXY UNKNOWN " + strings.Repeat("x", 200),
		"v2 version":         v2(t, "11 11 000c 0a030201 0a000009 15b3 1f40"),
		"v2 command":         v2(t, "22 11 000c 0a030201 0a000009 15b3 1f40"),
		"v2 family":          v2(t, "21 41 000c 0a030201 0a000009 15b3 1f40"),
		"v2 short":           v2(t, "21 11 000b 0a030201 0a000009 15b3 1f"),
		"v2 long":            v2(t, "21 11 ffff"),
	} {
		if h, n, err := Parse([]byte(in)); err == nil || err == ErrMore {
			t.Errorf("%s: taken: %+v, %d, %v", name, h, n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 10.3.2.1 10.0.0.9 5555 8000\r\n"))
	f.Add([]byte(v2(f, "21 11 000c 0a030201 0a000009 15b3 1f40")))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if n > len(b) || n > MaxSize || errors.Is(err, ErrMore) && len(b) >= MaxSize {
			t.Fatalf("%q: %d, %v", b, n, err)
		}
		if err == nil && h.Local == h.Source.IsValid() {
			t.Fatalf("%q: %+v", b, h)
		}
	})
}
