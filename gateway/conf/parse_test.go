package conf

import (
	"reflect"
	"testing"
	"time"
)

func TestParseFile(t *testing.T) {
	lines, skipped := parseFile("a = 1\r\n#x\nb=2 # c\nc = \"q\" \\# d\nd = x\\\n  y\nnothing here\ne =\n= 5\nf = \\")
	want := []fileLine{{"a", "1", 1}, {"b", "2", 3}, {"c", `"q" # d`, 4}, {"d", "x  y", 5}, {"e", "", 8}, {"f", `\`, 10}}
	if !reflect.DeepEqual(lines, want) || !reflect.DeepEqual(skipped, []int{7, 9}) {
		t.Errorf("%+v, %v", lines, skipped)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("a = 1 # x\nb \\\n c = 2")
	f.Fuzz(func(t *testing.T, s string) {
		lines, _ := parseFile(s)
		for _, l := range lines {
			if l.key == "" || l.line < 1 {
				t.Errorf("%q gives %+v", s, l)
			}
		}
	})
}

func TestUnits(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "10": 10, "8k": 8192, "1M": 1 << 20, "2g": 2 << 30, "": -1, "k": -1, "-1": -1, "1kk": -1, "9999999999999g": -1, "1.5k": -1} {
		if got, err := ParseSize(in); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("size %q: %d, %v", in, got, err)
		}
	}
	for in, want := range map[string]time.Duration{"0": 0, "5": 5 * time.Second, "1h30m": 90 * time.Minute, "1h 30m": 90 * time.Minute, "500ms": 500 * time.Millisecond,
		"1M": 30 * 24 * time.Hour, "1d": 24 * time.Hour, "1y": 365 * 24 * time.Hour, "1m1h": -1, "": -1, "s": -1, "1x": -1, "99999999999999y": -1, "-1s": -1, "1s1s": -1} {
		if got, err := ParseTime(in); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("time %q: %v, %v", in, got, err)
		}
	}
}

func TestParseListen(t *testing.T) {
	on, off := true, false
	for in, want := range map[string][]Address{
		"off":                                   nil,
		"0.0.0.0:8000 reuseport  backlog=16384": {{Network: "tcp", Host: "0.0.0.0", Port: 8000, ReusePort: true, Backlog: 16384, Text: "0.0.0.0:8000 reuseport backlog=16384"}},
		"[::]:443 ssl http2 ipv6only=off, unix:s/x.sock proxy_protocol": {
			{Network: "tcp", Host: "::", Port: 443, TLS: true, HTTP2: true, IPv6Only: &off, Text: "[::]:443 ssl http2 ipv6only=off"},
			{Network: "unix", Host: "s/x.sock", ProxyProtocol: true, Text: "unix:s/x.sock proxy_protocol"}},
		"1.2.3.4:5 deferred bind so_keepalive=30m::10": {{Network: "tcp", Host: "1.2.3.4", Port: 5, Deferred: true, Bind: true,
			KeepAlive: KeepAlive{On: &on, Idle: 30 * time.Minute, Count: 10}, Text: "1.2.3.4:5 deferred bind so_keepalive=30m::10"}},
	} {
		if got, err := ParseListen(in, false); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	if got, err := ParseListen("127.0.0.1:9 udp, 127.0.0.1:9 ssl", true); err != nil || got[0].Network != "udp" || !got[1].TLS {
		t.Errorf("stream: %+v, %v", got, err)
	}
	for _, in := range []string{"8000", "x:80", "1.2.3.4:99999", "1.2.3.4:-1", "::1:80", "1.2.3.4:1 udp", "1.2.3.4:1 what", "1.2.3.4:1 backlog=x", "1.2.3.4:1, ", "1.2.3.4:1, 1.2.3.4:1",
		"unix:", "1.2.3.4:1 so_keepalive=x", "1.2.3.4:1 ipv6only=maybe", "1.2.3.4:1, off"} {
		if got, err := ParseListen(in, false); err == nil {
			t.Errorf("%s is taken: %+v", in, got)
		}
	}
}

func FuzzParseListen(f *testing.F) {
	f.Add("0.0.0.0:8000 reuseport backlog=16384, [::1]:9 ssl so_keepalive=1::2")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseListen(s, true)
		if err != nil {
			return
		}
		for _, a := range list {
			if again, err := ParseListen(a.Text, true); err != nil || len(again) != 1 || !reflect.DeepEqual(again[0], a) {
				t.Errorf("%q: %+v is read back as %+v, %v", s, a, again, err)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		`a  b`:                {"a", "b"},
		`n 'x y' "z\"w" q\ r`: {"n", "x y", `z"w`, "q r"},
		`'\d\n'`:              {"\\d\n"},
		``:                    nil,
	} {
		if got := words(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// Every row is complete: a sentence, a default that its own checks accept, an alias that exists.
func TestTable(t *testing.T) {
	for name, s := range rows {
		if s.Tier == Open && s.Doc == "" {
			t.Errorf("%s has no Doc", name)
		}
		if _, ok := rows[s.AliasOf]; s.AliasOf != "" && !ok {
			t.Errorf("%s is an alias of %s, which is not there", name, s.AliasOf)
		}
		if len(s.Enum) > 0 && s.Default != "" && !contains(s.Enum, s.Default) {
			t.Errorf("%s: the default %q is not allowed", name, s.Default)
		}
	}
}
