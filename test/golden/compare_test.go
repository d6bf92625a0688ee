package golden

import "testing"

func TestNear(t *testing.T) {
	for _, c := range []struct {
		want, got string
		slack     int
		near      bool
	}{
		{"a 10\nb 5", "a 11\nb 4", 1, true},
		{"a 10", "a 10\nb 2", 1, false},
		{"a 10\nb 2", "a 10", 1, false},
		{"a 10", "b 10", 3, false},
	} {
		if near(c.want, c.got, c.slack) != c.near {
			t.Errorf("near(%q, %q, %d) is not %v", c.want, c.got, c.slack, c.near)
		}
	}
}

func TestSame(t *testing.T) {
	head := "HTTP/1.1 200 OK\n"
	for name, c := range map[string]struct {
		kind, want, got, options string
		same                     bool
	}{
		"order and case of names":  {"response", head + "A: 1\nB: 2\n\nx", head + "b: 2\na: 1\n\nx", "", true},
		"order of one name":        {"response", head + "A: 1\nA: 2\n\nx", head + "A: 2\nA: 1\n\nx", "", false},
		"case of a value":          {"response", head + "A: x\n\n", head + "A: X\n\n", "", false},
		"JSON and its length":      {"response", head + "Content-Length: 9\n\n{\"a\": 1, \"b\":2}", head + "Content-Length: 8\n\n{\"b\":2,\"a\":1}", "", true},
		"other length, no JSON":    {"response", head + "Content-Length: 9\n\nx", head + "Content-Length: 8\n\nx", "", false},
		"lists are ordered":        {"response", head + "\n[1,2]", head + "\n[2,1]", "", false},
		"lists unless unordered":   {"response", head + "\n[1,2]", head + "\n[2,1]", "unordered", true},
		"a missing second message": {"response", head + "\n\n=====\n" + head, head, "", false},
		"log lines exactly":        {"log", "notice [p] a", "warn [p] a", "", false},
		"tolerance":                {"upstream", "upstream 50\nupstream2 50", "upstream 45\nupstream2 55", "repeat=100 tolerance=5 distribution", true},
	} {
		if got := same(c.kind, c.want, c.got, parseOptions([]byte(c.options))); got != c.same {
			t.Errorf("%s: same is %v", name, got)
		}
	}
}

func TestNormalise(t *testing.T) {
	got := normalise("Server: gibbon/0.1.0\nVia: 1.1 gibbon/dev\nDate: Mon\nX-Kong-Proxy-Latency: 12\nHost: 127.0.0.1:23001\n",
		map[string]string{"127.0.0.1:23001": "{{upstream}}", "23001": "{{upstream_port}}"})
	want := "Server: <server>\nVia: 1.1 <server>\nDate: <date>\nX-Kong-Proxy-Latency: <ms>\nHost: {{upstream}}\n"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestPluginLog(t *testing.T) {
	log := "2026/01/01 [notice] 1#0: *1 [kong] handler.lua:3 [one] said, client: 127.0.0.1, server: kong\n" +
		"2026/01/01 [error] 1#0: [kong] [other] no\n2026/01/01 [warn] 1#0: [two] x while logging request\n"
	if got := pluginLog(log, []string{"one", "two"}); got != "notice [one] said\nwarn [two] x" {
		t.Error(got)
	}
}

func TestWireBytes(t *testing.T) {
	for _, c := range []struct{ in, options, want string }{
		{"GET / HTTP/1.1\nHost: a\n", "", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"POST / HTTP/1.1\nContent-Length: auto\n\nab\ncd\n", "", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab\ncd"},
		{"POST / HTTP/1.1\nContent-Length: auto\n\nab\n", "keepnl", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab\n"},
		{"GET / HTTP/1.1\\r\\n\n\\r\\n\\x00\n", "escaped", "GET / HTTP/1.1\r\n\r\n\x00"},
	} {
		if got := string(wireBytes([]byte(c.in), parseOptions([]byte(c.options)))); got != c.want {
			t.Errorf("%q %s: %q, want %q", c.in, c.options, got, c.want)
		}
	}
}

func TestReplaceApart(t *testing.T) {
	for in, want := range map[string]string{
		"26977": "{{p}}", "a:26977 26977": "a:{{p}} {{p}}", "0cc175b9c0f1b6a831c399e269772661": "0cc175b9c0f1b6a831c399e269772661",
		"126977 269770 26977.": "126977 269770 {{p}}.", "2697726977": "2697726977", "": "", "no port": "no port", "port=26977;": "port={{p}};",
	} {
		if got := replaceApart(in, "26977", "{{p}}"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := replaceApart("ab1.testb", "b1.test", "{{name}}"); got != "a{{name}}b" {
		t.Error(got)
	}
}
