package atc

import (
	"net/netip"
	"strings"
	"testing"
)

type fields [][2]string

func (f fields) Next(name string, from int) (string, int, bool) {
	for i := from; i < len(f); i++ {
		if f[i][0] == name {
			return f[i][1], i + 1, true
		}
	}
	return "", len(f), false
}

func values() *Values {
	return &Values{
		Protocol: "https", SNI: "sni.test", Method: "GET", Host: "Host.test", Path: "/a/Bc/d/", Query: "q=1&q=2&e&p%61=x+y%21&=z&bad=%zz",
		Header: fields{{"x_a", "1"}, {"x_a", "2"}, {"x_b", "Bee"}},
		SrcIP:  netip.MustParseAddr("10.1.2.3"), SrcPort: 40000, DstIP: netip.MustParseAddr("::1"), DstPort: 8443,
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		expr string
		want bool
	}{
		{`http.path == "/a/Bc/d/"`, true},
		{`http.path ^= "/a/b"`, false},
		{`lower(http.path) ^= "/a/b"`, true},
		{`http.path =^ "/d/"`, true},
		{`http.path contains "Bc"`, true},
		{`http.path ~ "B[a-c]/d"`, true},
		{`http.path ~ "^B"`, false},
		{`http.path != "/"`, true},
		{"http.path\t^=\n\"/a\"  ", true},
		{`http.path == r#"/a/"x"#`, false},
		{`http.path == "\/"`, false}, // refused, see below
		{`http.path.segments.0 == "a"`, true},
		{`http.path.segments.1_2 == "Bc/d"`, true},
		{`lower(http.path.segments.1) == "bc"`, true},
		{`http.path.segments.3 == ""`, false},
		{`http.path.segments.0_3 == ""`, false},
		{`http.path.segments.len == 3`, true},
		{`http.path.segments.len >= 4`, false},
		{`http.headers.x_a == "1"`, false},
		{`any(http.headers.x_a) == "1"`, true},
		{`http.headers.x_a != "3"`, true},
		{`any(http.headers.x_a) != "1"`, true},
		{`!(any(http.headers.x_a) == "3")`, true},
		{`http.headers.x_none != "1"`, false},
		{`any(http.headers.x_none) != "1"`, false},
		{`!(http.headers.x_none == "1")`, true},
		{`any(lower(http.headers.x_b)) == "bee"`, true},
		{`lower(any(http.headers.x_b)) == "bee"`, true},
		{`http.queries.q == "1"`, false},
		{`any(http.queries.q) == "2"`, true},
		{`http.queries.e == ""`, true},
		{`http.queries.pa == "x y!"`, true},
		{`http.queries.bad == "%zz"`, true},
		{`http.queries.none == ""`, false},
		{`net.protocol == "https" && tls.sni == "sni.test" && http.method == "GET"`, true},
		{`http.host == "host.test"`, false},
		{`lower(http.host) == "host.test"`, true},
		{`net.src.ip in 10.0.0.0/8 && net.src.ip not in 10.2.0.0/16`, true},
		{`net.src.ip == 10.1.2.3`, true},
		{`net.src.ip != 10.1.2.3`, false},
		{`net.dst.ip in ::/64`, true},
		{`net.dst.ip == ::1`, true},
		{`net.dst.port == 0x20fb && net.port == 8443`, true},
		{`net.src.port > -1 && net.src.port < 40001 && net.src.port >= 40000 && net.src.port <= 40000`, true},
		// || binds tighter than &&.
		{`http.method == "GET" || http.method == "PUT" && http.host == "x"`, false},
		{`http.host == "x" && http.method == "PUT" || http.method == "GET"`, false},
		{`(http.host == "x" && http.method == "PUT") || http.method == "GET"`, true},
	}
	for _, tt := range tests {
		e, err := Parse(tt.expr, HTTP)
		if err != nil {
			if tt.want {
				t.Errorf("%s: %v", tt.expr, err)
			}
			continue
		}
		v := values()
		var hit Hit
		if got := e.Match(v, &hit); got != tt.want {
			t.Errorf("%s = %v", tt.expr, got)
		}
	}
}

func TestHit(t *testing.T) {
	for expr, want := range map[string]string{
		`http.path ^= "/a"`:                        "/a",
		`lower(http.path) ^= "/a/bc"`:              "/a/bc",
		`http.path =^ "d/"`:                        "d/",
		`http.path ~ "B."`:                         "Bc",
		`lower(http.path) ~ "b."`:                  "bc",
		`http.path contains "a"`:                   "",
		`http.path != "/"`:                         "",
		`http.path ^= "/a" && http.path =^ "/"`:    "/",
		`http.path ^= "/zz" || http.path ^= "/a/"`: "/a/",
	} {
		e, err := Parse(expr, HTTP)
		if err != nil {
			t.Fatal(err)
		}
		var hit Hit
		if !e.Match(values(), &hit) || hit.Text != want {
			t.Errorf("%s: hit %q, want %q", expr, hit.Text, want)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct{ expr, want string }{
		// As recorded: admin/entities/route-with-expressions.
		{`http.path ^= `, " --> 1:14\n  |\n1 | http.path ^= \n  |              ^---\n  |\n  = expected rhs"},
		{`http.nope == 1`, "Unknown LHS field"},
		{"http.path == \"é\" &&\n  http.method", " --> 2:14\n  |\n2 |   http.method\n  |              ^---\n  |\n  = expected an operator"},
		{``, "1:1\n"},
		{`http.path == "/" http.path`, "expected &&, || or the end"},
		{`(http.path == "/"`, "expected &&, || or )"},
		{`! http.path == "/"`, "expected ( after !"},
		{`http.path == "\x"`, "expected an escape"},
		{`http.path == "x`, "expected rhs"},
		{`http.path == r#"x"`, "expected rhs"},
		{`net.dst.port == 99999999999999999999`, "expected rhs"},
		{`net.src.ip == 1.2.3`, "expected rhs"},
		{`upper(http.path) == "A"`, "unknown function upper()"},
		{`lower(net.dst.port) == 1`, "lower() takes a string"},
		{`net.dst.port == "1"`, "takes no string"},
		{`http.path == 1`, "takes no integer"},
		{`http.path in 10.0.0.0/8`, "takes no CIDR block"},
		{`http.path not in "x"`, "takes no string"},
		{`net.src.ip in 10.0.0.1`, "takes no IP address"},
		{`net.src.ip == 10.0.0.0/8`, "takes no CIDR block"},
		{`net.src.ip in 10.0.0.1/8`, "must be 10.0.0.0/8"},
		{`net.dst.port == 0b1`, "expected rhs"},
		{`net.dst.port == 0o17`, "expected rhs"},
		{`http.path > "a"`, "takes no string"},
		{`http.path ~ "("`, "missing closing )"},
		{`http.headers. == "a"`, "Unknown LHS field"},
		{`http.path.segments.x == "a"`, "Unknown LHS field"},
		{`http.path.segments.2_1 == "a"`, "Unknown LHS field"},
		{strings.Repeat("(", 5000), "nested groups"},
		{strings.Repeat("lower(", 5000), "expected a field"},
		{strings.Repeat("x", maxLength+1), "longer than"},
	}
	for _, tt := range tests {
		if _, err := Parse(tt.expr, HTTP); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: error %q lacks %q", tt.expr, err, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		expr, protocol, want string
	}{
		{`http.path == "/x"`, "http", ""},
		{`net.dst.port == 80`, "tcp", ""},
		{`tls.sni == "a"`, "tls_passthrough", ""},
		{`http.path == "/x"`, "tcp", "Unknown LHS field"},
	} {
		got := ""
		if err := Check(tt.expr, []string{tt.protocol}); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("Check(%s, %s) = %q", tt.expr, tt.protocol, got)
		}
	}
}

func TestTerms(t *testing.T) {
	for expr, want := range map[string][]Term{
		`http.path ^= "/a"`:        {{PathPrefix: "/a"}},
		`http.path =^ "/a"`:        {{}},
		`lower(http.path) ^= "/a"`: {{}},
		`http.host == "h" && http.path ^= "/a" && http.path == "/ab"`:                          {{Host: "h", PathPrefix: "/ab"}},
		`(http.path ^= "/a" || http.path ^= "/b") && http.host == "h"`:                         {{Host: "h", PathPrefix: "/a"}, {Host: "h", PathPrefix: "/b"}},
		`http.path ^= "/a" || http.path ~ "x"`:                                                 {{PathPrefix: "/a"}, {}},
		`http.method == "GET" && any(lower(http.headers.x_a)) == "1" && http.headers.b == "2"`: {{Method: "GET", Header: "x_a", Value: "1"}},
		`!(http.path ^= "/a") && tls.sni == "s"`:                                               {{SNI: "s"}},
		strings.Repeat(`http.path == "/a" || `, maxTerms) + `http.path == "/b"`:                {{}},
		`(http.host == "a" || http.host == "b") && (http.path ~ "x" || http.path ~ "y")`:       {{Host: "a"}, {Host: "a"}, {Host: "b"}, {Host: "b"}},
	} {
		e, err := Parse(expr, HTTP)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Terms()
		if len(got) != len(want) {
			t.Errorf("%s: %+v", expr, got)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: term %d is %+v, want %+v", expr, i, got[i], want[i])
			}
		}
	}
}

// FuzzParse: no panic, and an expression that matches fits one of its terms.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`http.path ^= "/a" && (any(lower(http.headers.x_a)) ~ r#"\d"# || !(net.src.ip not in 10.0.0.0/8))`,
		`http.path.segments.0_2 == "x" || http.queries.q contains "\n"`, `net.port >= -0x1f`, `net.dst.ip == ::1`, `((`, `"`, `http.host == "Host.test"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := Parse(src, HTTP)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("empty message")
			}
			return
		}
		v := values()
		var hit Hit
		if !e.Match(v, &hit) {
			return
		}
		for _, term := range e.Terms() {
			if (term.Host == "" || term.Host == v.Host) && (term.SNI == "" || term.SNI == v.SNI) && strings.HasPrefix(v.Path, term.PathPrefix) {
				return
			}
		}
		t.Fatalf("%s matches, but no term fits: %+v", src, e.Terms())
	})
}
