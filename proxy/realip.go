package proxy

import (
	"net/netip"
	"strings"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// realIP decides whether the peer is trusted, and who the client is
// (settings trusted_ips, real_ip_header, real_ip_recursive).
func (r *request) realIP() {
	o := &r.w.srv.Options
	peer := r.Flow.Peer
	switch {
	case peer.IsValid():
		if len(o.Trusted) == 0 || !trusted(o.Trusted, peer.Addr().Unmap()) {
			return
		}
	case !o.TrustedUnix:
		return
	}
	r.Bits |= message.BitTrusted
	switch o.RealIPHeader {
	case "", "proxy_protocol":
		if p := r.Flow.Proxied; p.IsValid() && o.RealIPHeader != "" {
			r.setRemote(p.Addr().Unmap().String(), p.Port())
		}
		return
	}
	var list []string
	fs := r.Fields(&r.Request)
	for i := range fs {
		f := &fs[i]
		if f.Flags&message.FieldGone == 0 && message.EqualFold(r.NameOf(f), o.RealIPHeader) {
			list = append(list, r.View(f.Value))
			if o.RealIPHeader != "x-forwarded-for" {
				break
			}
		}
	}
	addr := peer.Addr().Unmap()
	port := peer.Port()
	found := false
	for len(list) > 0 {
		last := list[len(list)-1]
		entry := last
		if k := strings.LastIndexAny(last, ", "); k >= 0 {
			entry = last[k+1:]
			list[len(list)-1] = strings.TrimRight(last[:k], ", ")
		} else {
			list = list[:len(list)-1]
		}
		if entry == "" {
			continue
		}
		a, p, ok := parseClient(entry)
		if !ok {
			break
		}
		addr, port, found = a, p, true
		if !o.RealIPRecursive || !trusted(o.Trusted, a) {
			break
		}
	}
	if found {
		r.setRemote(addr.String(), port)
	}
}

func (r *request) setRemote(addr string, port uint16) {
	r.RemoteAddr, _ = r.PutString(addr)
	r.RemotePort = port
}

func trusted(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseClient reads an address with or without a port; without one it is 0.
func parseClient(s string) (netip.Addr, uint16, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), 0, true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), ap.Port(), true
	}
	return netip.Addr{}, 0, false
}
