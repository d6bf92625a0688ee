package message

import (
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
