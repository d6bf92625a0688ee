package balancer

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// Errors of Pick.
var (
	// ErrNoPeers: no target, none of weight above 0, all unhealthy, or less
	// healthy weight than healthchecks.threshold. Its text is what clients of
	// the reference get with status 503.
	ErrNoPeers error = &unavailable{"failure to get a peer from the ring-balancer"}
	// ErrResolving: names of targets are still being resolved for the first
	// time. Call Wait on a goroutine that may block, then Pick again.
	ErrResolving error = &unavailable{"targets are being resolved"}
)

// unavailable is an error that dns.Problem tells clients as it stands.
type unavailable struct{ text string }

func (u *unavailable) Error() string   { return u.text }
func (u *unavailable) HTTPStatus() int { return 503 }

// Deps are what all balancers share.
type Deps struct {
	// Resolver resolves targets that are names.
	Resolver *dns.Resolver
	// Health keeps the health of addresses.
	Health *health.Registry
	// TLS is the client certificate of this upstream's probes.
	TLS health.TLS
	// Warn gets what an operator should know (a target that does not resolve);
	// it is called from background goroutines. nil = nobody.
	Warn func(upstream, target string, err error)
	// Now is the clock; nil = time.Now.
	Now func() time.Time
	// Patience bounds how long Pick says ErrResolving; 0 = 10 s. After that,
	// targets without an answer yet do not count.
	Patience time.Duration
}

// Result is how a try went.
type Result struct {
	// Status of the answer, 0 if none came; health.StatusConnected for L4.
	Status int
	// Failure says why no answer came.
	Failure health.Failure
	// Latency is the time from the start of the try to the answer's head (or
	// to the failure); algorithm latency lives on it. 0 = unknown.
	Latency time.Duration
}

// Peer is one address of a target. It is immutable for its users.
type Peer struct {
	Addr netip.AddrPort
	// Host is the name of the peer for SNI and certificate checks, without port:
	// host_header of the upstream, else the SRV record's target (use_srv_name),
	// else the host that the target was given by. An IPv6 address has no brackets.
	Host string
	// HostPort is the value of the Host header where the port has to be said:
	// Host (host_header as it stands) with the peer's port appended.
	HostPort string
	// Target is the target as it was given, host:port; TargetID its id.
	Target, TargetID string
	// Name is the host of the target itself, whatever Host says.
	Name string

	hostOnly string // HostPort without the peer's port
	weight   int
	health   *health.Address
	load     *load
}

// HostHeader is the value of the Host header: the port is left out when it is
// the scheme's own (80, 443).
func (p *Peer) HostHeader(schemePort int) string {
	if int(p.Addr.Port()) == schemePort {
		return p.hostOnly
	}
	return p.HostPort
}

// Weight is the peer's share of traffic relative to the other peers.
func (p *Peer) Weight() int { return p.weight }

// Healthy tells whether health checks let the peer be used.
func (p *Peer) Healthy() bool { return p.health.Healthy() }

// ReportStatus tells passive checks of a status beside what Balancer.Done said
// of the try: that of the answer which the gateway made in the peer's place.
func (p *Peer) ReportStatus(status int) { p.health.ReportAnswer(status) }

// load is what is known of the traffic of an address; it outlives the Peer
// when addresses are resolved anew or the configuration is rebuilt.
type load struct {
	inflight atomic.Int64
	ewma     ewma
}

// Balancer spreads requests over one upstream's targets. All methods may be
// called by several goroutines at once; Pick and Done do not lock or allocate.
type Balancer struct {
	upstream  *entity.Upstream
	deps      Deps
	algorithm algorithm
	hash      hashing
	checker   *health.Checker
	unwatch   func()

	pool    atomic.Pointer[pool] // the peers of now, see pool.go
	pending atomic.Int32         // targets without a first answer
	settled chan struct{}        // closed when pending first reaches 0
	since   time.Time

	countMu sync.Mutex // makes counting and replacing the pool one step

	mu     sync.Mutex // guards what follows and replacing the pool
	hosts  []*host    // in the order of the targets
	closed bool
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// New makes the balancer of an upstream and begins to resolve names. prev is
// the upstream's balancer in the configuration before, or nil: addresses that
// are still there keep their connections' count, latency and turn. Health is
// kept by upstream id in any case. Close each balancer when its snapshot goes.
func New(u *entity.Upstream, targets []*entity.Target, prev *Balancer, d Deps) *Balancer {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Patience <= 0 {
		d.Patience = 10 * time.Second
	}
	b := &Balancer{upstream: u, deps: d, algorithm: parseAlgorithm(u.Algorithm), hash: newHashing(u), settled: make(chan struct{}), since: d.Now()}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.checker = d.Health.Open(u, d.TLS)
	b.start(targets, prev)
	b.unwatch = b.checker.Watch(b.recount)
	b.recount()
	return b
}

// Close ends background work and gives the health of the addresses back. Pick
// and Done still work, since requests may hold an old snapshot.
func (b *Balancer) Close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	b.cancel()
	for _, h := range b.hosts {
		h.stop()
	}
	b.mu.Unlock()
	b.unwatch()
	b.wait.Wait()
	for _, h := range b.hosts {
		for _, p := range h.peers {
			b.checker.Release(p.health)
		}
	}
	b.checker.Close()
}

// Upstream is what the balancer was made of.
func (b *Balancer) Upstream() *entity.Upstream { return b.upstream }

// Wait blocks until every target has a first answer, patience ends, or ctx is
// done (whose error it returns).
func (b *Balancer) Wait(ctx context.Context) error {
	if b.pending.Load() == 0 {
		return nil
	}
	t := time.NewTimer(b.deps.Patience - b.deps.Now().Sub(b.since))
	defer t.Stop()
	select {
	case <-b.settled:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Pick chooses a peer for a try. k gives what is hashed (it may be nil without
// consistent-hashing), t is the request's record of tries. It never blocks.
func (b *Balancer) Pick(k Hasher, t *Tries) (*Peer, error) {
	if b.pending.Load() > 0 && b.deps.Now().Sub(b.since) < b.deps.Patience {
		return nil, ErrResolving
	}
	pl := b.pool.Load()
	if !pl.usable.Load() {
		return nil, ErrNoPeers
	}
	var p *Peer
	switch b.algorithm {
	case consistentHashing:
		p = pl.ring.pick(b.hash.key(k, t), t)
	case leastConnections:
		p = pl.leastConnections(t)
	case latency:
		p = pl.latency(t, b.deps.Now())
	default:
		p = pl.roundRobin(t)
	}
	if p == nil {
		return nil, ErrNoPeers
	}
	p.load.inflight.Add(1)
	return p, nil
}

// Done ends a try that Pick began: once per Pick, when the connection is free
// again or given up. It feeds least-connections, latency and passive checks.
func (b *Balancer) Done(p *Peer, r Result) {
	p.load.inflight.Add(-1)
	if r.Latency > 0 && b.algorithm == latency {
		p.load.ewma.observe(r.Latency, b.deps.Now())
	}
	if r.Status != 0 || r.Failure != health.NoFailure {
		p.health.Report(r.Status, r.Failure)
	}
}
