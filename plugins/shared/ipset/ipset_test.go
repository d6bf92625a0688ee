package ipset

import (
	"net/netip"
	"testing"
)

func TestContains(t *testing.T) {
	s, err := New([]string{"10.0.0.0/8", "192.168.1.7", "192.168.1.7", "172.16.5.9/12", "::1", "fe80::/10", "::ffff:1.2.3.4"})
	if err != nil || s.Len() != 6 {
		t.Fatalf("%d blocks, %v", s.Len(), err)
	}
	for text, want := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "192.168.1.7": true, "192.168.1.8": false, "172.31.0.1": true, "172.32.0.1": false,
		"::1": true, "::2": false, "fe80::1": true, "fe80::1%eth0": true, "::ffff:10.1.1.1": true, "1.2.3.4": true,
	} {
		if got := s.Contains(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	all, _ := New([]string{"0.0.0.0/0"})
	if !all.Contains(netip.MustParseAddr("8.8.8.8")) || all.Contains(netip.MustParseAddr("::1")) {
		t.Error("0.0.0.0/0")
	}
	var none Set
	if none.Contains(netip.MustParseAddr("8.8.8.8")) || none.Contains(netip.Addr{}) {
		t.Error("an empty set contains something")
	}
	if _, err := New([]string{"example.com"}); err == nil {
		t.Error("a name is accepted")
	}
}
