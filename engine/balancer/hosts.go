package balancer

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// defaultPort is the port of a target that gives none.
const defaultPort = 8000

// host is one target: an address, or a name with the addresses it has now.
type host struct {
	target *entity.Target
	name   string
	port   int
	addr   netip.Addr // not valid for names
	lookup *dns.Name

	// Guarded by Balancer.mu:
	peers    []*Peer
	records  []dns.Record // that the peers were made of
	kind     string       // record type, as the health view shows it
	err      error
	answered bool
	timer    *time.Timer
	drop     func() // undoes what a timer that never fires would have done
}

// splitTarget parts host:port; the port may be missing.
func splitTarget(t string) (host string, port int) {
	if ap, err := netip.ParseAddrPort(t); err == nil {
		return ap.Addr().String(), int(ap.Port())
	}
	if a, err := netip.ParseAddr(strings.Trim(t, "[]")); err == nil {
		return a.String(), defaultPort
	}
	name, p, ok := strings.Cut(t, ":")
	if !ok {
		return t, defaultPort
	}
	n, err := strconv.Atoi(p)
	if err != nil || n < 0 || n > 65535 {
		return name, defaultPort
	}
	return name, n
}

// start makes the hosts, takes over what prev knows and begins to resolve.
func (b *Balancer) start(targets []*entity.Target, prev *Balancer) {
	loads := make(map[health.Key]*load)
	known := make(map[string]*host)
	var prevPool *pool
	if prev != nil {
		prev.mu.Lock()
		defer prev.mu.Unlock()
		prevPool = prev.pool.Load()
		for _, h := range prev.hosts {
			known[h.target.Target] = h
			for _, p := range h.peers {
				loads[p.health.Key()] = p.load
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range targets {
		h := &host{target: t}
		h.name, h.port = splitTarget(t.Target)
		b.hosts = append(b.hosts, h)
		if a, err := netip.ParseAddr(h.name); err == nil {
			h.addr = a
			h.kind = "A"
			if a.Is6() {
				h.kind = "AAAA"
			}
			h.peers = []*Peer{b.peer(h, dns.Record{Addr: a, Weight: 1}, loads)}
			continue
		}
		h.lookup = b.deps.Resolver.Name(h.name)
		if a, ok := h.lookup.Cached(); ok {
			b.adopt(h, a, loads)
		} else if old := known[t.Target]; old != nil && old.answered {
			// What was known serves until the first answer.
			b.inherit(h, old, loads)
			b.resolveSoon(h, 0)
		} else {
			b.pending.Add(1)
			b.resolveSoon(h, 0)
		}
	}
	if b.pending.Load() == 0 {
		close(b.settled)
	}
	b.rebuild(prevPool)
}

// inherit takes the addresses that the balancer before knew of a name.
func (b *Balancer) inherit(h, old *host, loads map[health.Key]*load) {
	h.kind, h.records, h.err, h.answered = old.kind, old.records, old.err, true
	for _, r := range old.records {
		h.peers = append(h.peers, b.peer(h, r, loads))
	}
}

// nameHost gives a peer its names. srvTarget is "" for address records.
func (b *Balancer) nameHost(p *Peer, srvTarget string) {
	p.Host = p.Name
	if b.upstream.UseSRVName && srvTarget != "" {
		p.Host = srvTarget
	}
	p.hostOnly = p.Host
	if a, err := netip.ParseAddr(p.Host); err == nil && a.Is6() {
		p.hostOnly = "[" + p.Host + "]"
	}
	if h := b.upstream.HostHeader; h != "" {
		// A port in host_header stays, and the peer's is appended all the same.
		p.hostOnly = h
		p.Host, _ = splitTarget(h)
	}
	p.HostPort = p.hostOnly + ":" + strconv.Itoa(int(p.Addr.Port()))
}

// peer makes the peer of a record.
func (b *Balancer) peer(h *host, r dns.Record, loads map[health.Key]*load) *Peer {
	ap := r.AddrPort(h.port)
	k := health.Key{Addr: ap, Host: h.name}
	p := &Peer{
		Addr: ap, Name: h.name, Target: h.target.Target, TargetID: h.target.ID,
		weight: h.target.Weight, health: b.checker.Acquire(k), load: loads[k],
	}
	if h.kind == "SRV" && p.weight > 0 {
		// The records' weights replace the target's.
		p.weight = r.Weight
	}
	b.nameHost(p, r.Target)
	if p.load == nil {
		p.load = new(load)
	}
	return p
}

// adopt makes the peers of an answer and sets the time of the next. The caller
// holds b.mu.
func (b *Balancer) adopt(h *host, a *dns.Answer, loads map[health.Key]*load) {
	old := h.peers
	h.peers, h.records, h.err, h.answered = nil, a.Records, a.Err, true
	if a.Err == nil {
		h.kind = a.Type.String()
		for _, r := range a.Records {
			h.peers = append(h.peers, b.peer(h, r, loads))
		}
	}
	for _, p := range old {
		b.checker.Release(p.health)
	}
	b.resolveSoon(h, max(a.Expires.Sub(b.deps.Now()), minRefresh))
}

// minRefresh bounds how often a name is asked for whose answers say that they
// may not be kept: idle upstreams must not keep name servers busy.
const minRefresh = time.Second

// maxRefresh keeps timers within what time.Duration and clocks can do.
const maxRefresh = 24 * time.Hour

// resolveSoon resolves a name after a time. The caller holds b.mu.
func (b *Balancer) resolveSoon(h *host, after time.Duration) {
	if b.closed {
		return
	}
	b.wait.Add(1)
	h.timer = time.AfterFunc(min(after, maxRefresh), func() {
		defer b.wait.Done()
		b.resolve(h)
	})
	h.drop = b.wait.Done
}

// stop ends a timer that has not fired. The caller holds b.mu.
func (h *host) stop() {
	if h.timer != nil && h.timer.Stop() {
		h.drop()
	}
}

// resolve asks for the name of a host and takes the answer in.
func (b *Balancer) resolve(h *host) {
	a, err := h.lookup.Refresh(b.ctx)
	if err != nil {
		return // closed
	}
	if b.take(h, a) && b.deps.Warn != nil {
		b.deps.Warn(b.upstream.Name, h.target.Target, a.Err)
	}
}

// take puts an answer into the pool, and tells whether it is a failure that
// was not there before.
func (b *Balancer) take(h *host, a *dns.Answer) (failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	first := !h.answered
	failed = a.Err != nil && (first || h.err == nil)
	if same(h, a) {
		h.err = a.Err
		b.resolveSoon(h, max(a.Expires.Sub(b.deps.Now()), minRefresh))
	} else {
		loads := make(map[health.Key]*load, len(h.peers))
		for _, p := range h.peers {
			loads[p.health.Key()] = p.load
		}
		b.adopt(h, a, loads)
		b.rebuild(b.pool.Load())
	}
	if first && b.pending.Add(-1) == 0 {
		close(b.settled)
	}
	return failed
}
