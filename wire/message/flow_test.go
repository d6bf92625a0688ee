package message

import (
	"crypto/tls"
	"net/netip"
	"testing"
)

func TestFlowTexts(t *testing.T) {
	f := Flow{Peer: netip.MustParseAddrPort("[::ffff:10.0.0.1]:5"), Local: netip.MustParseAddrPort("[2001:db8::1]:80")}
	if f.PeerText() != "10.0.0.1" || f.LocalText() != "2001:db8::1" || f.PeerText() != "10.0.0.1" {
		t.Errorf("%q %q", f.PeerText(), f.LocalText())
	}
	if n := testing.AllocsPerRun(10, func() { f.PeerText() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var none Flow
	if none.PeerText() != "" || none.LocalText() != "" {
		t.Error("addresses of nothing")
	}
}

func TestFlowIdentify(t *testing.T) {
	var p Pool
	defer p.Close()
	for _, secure := range []bool{false, true} {
		var x Exchange
		if err := x.Begin(&p); err != nil {
			t.Fatal(err)
		}
		f := Flow{Peer: netip.MustParseAddrPort("10.0.0.1:5"), Local: netip.MustParseAddrPort("[2001:db8::1]:80")}
		scheme := "http"
		if secure {
			f.TLS, scheme = new(tls.ConnectionState), "https"
		}
		peer, local, s := f.Identify(x.Shared)
		if x.View(peer) != "10.0.0.1" || x.View(local) != "2001:db8::1" || x.View(s) != scheme {
			t.Errorf("%q %q %q", x.View(peer), x.View(local), x.View(s))
		}
		f.OnUnix("/run/x.sock")
		if peer, local, s = f.Identify(x.Shared); x.View(peer) != "unix:" || x.View(local) != "unix:/run/x.sock" || x.View(s) != scheme {
			t.Errorf("%q %q %q", x.View(peer), x.View(local), x.View(s))
		}
		x.End()
	}
}
