package balancer

import (
	"net/netip"
	"slices"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
)

// rebuild makes the pool of the hosts' peers. The caller holds b.mu.
func (b *Balancer) rebuild(prev *pool) {
	var peers []*Peer
	for _, h := range b.hosts {
		for _, p := range h.peers {
			if p.weight > 0 {
				peers = append(peers, p)
			}
		}
	}
	slots := b.upstream.Slots
	if slots <= 0 {
		slots = 10000
	}
	pl := newPool(b.algorithm, peers, slots, prev)
	b.countMu.Lock()
	defer b.countMu.Unlock()
	pl.usable.Store(b.usable(pl))
	b.pool.Store(pl)
}

// recount follows a change of health.
func (b *Balancer) recount() {
	b.countMu.Lock()
	defer b.countMu.Unlock()
	pl := b.pool.Load()
	pl.usable.Store(b.usable(pl))
}

// usable tells whether enough of the weight is healthy.
func (b *Balancer) usable(pl *pool) bool {
	healthy, total := 0, 0
	for _, p := range pl.peers {
		total += p.weight
		if p.health.Healthy() {
			healthy += p.weight
		}
	}
	return healthy > 0 && float64(healthy)*100 >= b.upstream.Healthchecks.Threshold*float64(total)
}

// same tells whether an answer brings what the host has already.
func same(h *host, a *dns.Answer) bool {
	if !h.answered || len(h.peers) != len(a.Records) || a.Err == nil && a.Type.String() != h.kind {
		return false
	}
	return slices.EqualFunc(h.records, a.Records, func(x, y dns.Record) bool { return x == y })
}

// Status is the health of an address, a target or an upstream as the Admin
// API shows it.
type Status string

// The states of health.
const (
	Off       Status = "HEALTHCHECKS_OFF"
	Healthy   Status = "HEALTHY"
	Unhealthy Status = "UNHEALTHY"
	DNSError  Status = "DNS_ERROR"
)

// Weights sums the weights of addresses.
type Weights struct{ Total, Available, Unavailable int }

// AddressView is the health of one address of a target.
type AddressView struct {
	Addr    netip.AddrPort
	Weight  int
	Healthy bool
	Status  Status
}

// TargetView is the health of one target.
type TargetView struct {
	ID, Target string
	Host       string
	Port       int
	// DNS is the type of the records, or the error.
	DNS        string
	NodeWeight int
	Weight     Weights
	Addresses  []AddressView
	Status     Status
}

// View is the health of an upstream.
type View struct {
	// Healthy tells whether the upstream serves; Status adds whether checks are on.
	Healthy bool
	Status  Status
	Weight  Weights
	Targets []TargetView
}

// Health returns what is known of the health of all targets.
func (b *Balancer) Health() View {
	on := b.checker.Enabled()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := View{Healthy: b.pool.Load().usable.Load()}
	v.Status = status(on, v.Healthy)
	for _, h := range b.hosts {
		t := TargetView{ID: h.target.ID, Target: h.target.Target, Host: h.name, Port: h.port, DNS: h.kind, NodeWeight: h.target.Weight}
		any := false
		for _, p := range h.peers {
			ok := p.health.Healthy()
			any = any || ok
			t.Addresses = append(t.Addresses, AddressView{Addr: p.Addr, Weight: p.weight, Healthy: ok, Status: status(on, ok)})
			t.Weight.add(p.weight, ok)
			v.Weight.add(p.weight, ok)
		}
		t.Status = status(on, any)
		if h.err != nil && len(h.peers) == 0 {
			t.DNS, t.Status = h.err.Error(), DNSError
		}
		v.Targets = append(v.Targets, t)
	}
	return v
}

func status(on, healthy bool) Status {
	switch {
	case !on:
		return Off
	case healthy:
		return Healthy
	}
	return Unhealthy
}

func (w *Weights) add(weight int, ok bool) {
	w.Total += weight
	if ok {
		w.Available += weight
	} else {
		w.Unavailable += weight
	}
}

// SetHealth sets the health of a target (by id, or host:port as given) by
// hand: of all its addresses, or of addr alone if that is valid. It is false
// when there is no such target or address.
func (b *Balancer) SetHealth(target string, addr netip.AddrPort, healthy bool) bool {
	var found []*health.Address
	b.mu.Lock()
	for _, h := range b.hosts {
		if h.target.ID != target && h.target.Target != target {
			continue
		}
		for _, p := range h.peers {
			if !addr.IsValid() || p.Addr == addr {
				found = append(found, p.health)
			}
		}
	}
	b.mu.Unlock()
	for _, a := range found {
		a.Set(healthy)
	}
	return len(found) > 0
}
