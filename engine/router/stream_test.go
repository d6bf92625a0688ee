package router

import (
	"net/netip"
	"testing"
)

// TestGoldenStream checks route choice in recorded layer-4 cases; how a session
// gets there is the golden runner's matter.
func TestGoldenStream(t *testing.T) {
	const dir = "../../test/testdata/golden/stream/"
	tests := []struct {
		file, scheme, sni, src string
		port                   int
		want                   string
	}{
		{"route-choice-by-sources-and-destinations", "tcp", "", "127.0.0.1", goldenPlain, "both"},
		{"route-choice-by-sources-and-destinations", "tls", "", "127.0.0.1", goldenTLS, "near"},
		{"route-choice-by-sources-and-destinations", "tcp", "", "10.1.2.3", goldenPlain, "far by-port"},
		{"route-choice-by-sources-and-destinations", "tcp", "", "10.2.2.3", goldenTLS, ""},
		{"route-protocols-do-not-separate-tcp-from-udp", "udp", "", "127.0.0.1", goldenPlain, "for-tls"},
		{"route-protocols-do-not-separate-tcp-from-udp", "tcp", "", "127.0.0.1", goldenPlain, "for-tls"},
		{"route-protocols-do-not-separate-tcp-from-udp", "tls", "x.test", "127.0.0.1", goldenTLS, "for-tls"},
		{"tls-passthrough-by-sni", "tls", "pass.test", "127.0.0.1", goldenTLS, "pass"},
		{"tls-passthrough-by-sni", "tls", "pass.test", "127.0.0.1", goldenPlain, "end"},
		{"tls-passthrough-by-sni", "tls", "other.test", "127.0.0.1", goldenTLS, ""},
		{"tls-terminated-by-sni", "tls", "one.test", "127.0.0.1", goldenTLS, "one"},
		{"tls-terminated-by-sni", "tls", "two.test", "127.0.0.1", goldenTLS, "two"},
		{"tls-terminated-by-sni", "tls", "x.wild.test", "127.0.0.1", goldenTLS, "wild"},
		{"tls-terminated-by-sni", "tls", "none.test", "127.0.0.1", goldenTLS, ""},
		{"tls-terminated-by-sni", "tls", "", "127.0.0.1", goldenTLS, ""},
		{"no-matching-route", "tcp", "", "127.0.0.1", goldenPlain, ""},
		{"no-matching-route", "tcp", "", "::ffff:10.0.0.9", goldenPlain, "r"},
	}
	for _, tt := range tests {
		g := loadGolden(t, dir+tt.file+".txtar")
		r, problems := Build(g.flavor, g.routes, g.services)
		if len(problems) > 0 {
			t.Fatal(problems[0])
		}
		req := Request{
			Scheme: tt.scheme, SNI: tt.sni, DstPort: tt.port, SrcPort: 40000,
			SrcIP: netip.MustParseAddr(tt.src), DstIP: netip.MustParseAddr("127.0.0.1"),
		}
		var m Match
		name := ""
		if r.Match(&req, &m) {
			name = m.Entry.Route.Name
		}
		// "far by-port": both fit equally well, the id decides.
		if name != tt.want && !(tt.want == "far by-port" && (name == "far" || name == "by-port")) {
			t.Errorf("%s: %s from %s, server name %q: route %q, want %q", tt.file, tt.scheme, tt.src, tt.sni, name, tt.want)
		}
		if m.Redirect != 0 {
			t.Errorf("%s: redirect at layer 4", tt.file)
		}
	}
}
