package router

import (
	"net/netip"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
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

// TestStreamRank has pairs that both match; the first wins.
func TestStreamRank(t *testing.T) {
	ip, block, port, sni := entity.Peer{IP: "127.0.0.1"}, entity.Peer{IP: "127.0.0.0/8"}, entity.Peer{Port: 443}, []string{"a.test"}
	peers := func(p ...entity.Peer) []entity.Peer { return p }
	for _, tt := range []struct{ first, other entity.Route }{
		{entity.Route{SNIs: sni}, entity.Route{Sources: peers(ip)}},
		{entity.Route{Sources: peers(block), Destinations: peers(port)}, entity.Route{SNIs: sni, Sources: peers(ip)}},
		{entity.Route{SNIs: sni, Sources: peers(block), Destinations: peers(port)}, entity.Route{Sources: peers(ip), Destinations: peers(ip)}},
		{entity.Route{Sources: peers(block)}, entity.Route{Destinations: peers(ip)}},
		{entity.Route{Destinations: peers(ip)}, entity.Route{Destinations: peers(port)}},
		{entity.Route{Destinations: peers(port)}, entity.Route{Destinations: peers(block)}},
		{entity.Route{Destinations: peers(entity.Peer{IP: "127.0.0.1", Port: 443})}, entity.Route{Destinations: peers(ip)}},
	} {
		tt.first.ID, tt.other.ID = "1", "2"
		tt.first.Protocols, tt.other.Protocols = []string{"tls"}, []string{"tls"}
		addr := netip.MustParseAddr("127.0.0.1")
		req := Request{Scheme: "tls", SNI: "a.test", SrcIP: addr, DstIP: addr, DstPort: 443}
		for _, routes := range [][]*entity.Route{{&tt.first, &tt.other}, {&tt.other, &tt.first}} {
			r, problems := Build(Compatible, routes, nil)
			var match Match
			if len(problems) > 0 || !r.Match(&req, &match) || match.Entry.Route.ID != "1" {
				t.Errorf("%+v should go before %+v %v", tt.first, tt.other, problems)
			}
		}
	}
}
