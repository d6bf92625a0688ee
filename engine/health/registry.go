package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// Event is a change of health, for logs, metrics and event hooks.
type Event struct {
	UpstreamID, Upstream string
	Key                  Key
	Healthy              bool
	// Reason says which check and which counter made the difference.
	Reason string
}

// Options are the surroundings of all checks. The zero value works.
type Options struct {
	// OnChange gets every change of health. It is called on the goroutine that
	// made the change, which may be a worker's loop: it must not block.
	OnChange func(Event)
	// Dial opens probe connections; nil = net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// RootCAs verify https and grpcs probes (lua_ssl_trusted_certificate); nil = the system's.
	RootCAs *x509.CertPool
}

// TLS is what probes of one upstream need beyond its settings.
type TLS struct {
	// Certificate is the upstream's client_certificate, nil = none.
	Certificate *tls.Certificate
}

// Registry holds the checkers of all upstreams, by upstream id.
type Registry struct {
	opts Options
	ctx  context.Context
	stop context.CancelFunc
	wait sync.WaitGroup

	mu       sync.Mutex
	checkers map[string]*Checker
}

// NewRegistry makes an empty registry; Close ends its probes.
func NewRegistry(o Options) *Registry {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Registry{opts: o, ctx: ctx, stop: stop, checkers: make(map[string]*Checker)}
}

// Close stops all probes and waits for those under way. Passive reports and
// manual changes still work afterwards.
func (r *Registry) Close() {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.wait.Wait()
}

// Open returns the checker of an upstream with these settings, made if new.
// Settings of an earlier Open are replaced, counters and health stay. Each
// Open is paired with a Checker.Close.
func (r *Registry) Open(u *entity.Upstream, t TLS) *Checker {
	s := newSettings(u, t)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checkers[u.ID]
	if c == nil {
		c = &Checker{registry: r, id: u.ID, addrs: make(map[Key]*Address), watch: make(map[int]func())}
		r.checkers[u.ID] = c
	}
	c.holders++
	c.settings.Store(s)
	c.reschedule(s)
	return c
}

// Lookup returns the checker of an upstream for reading, nil when none is open.
func (r *Registry) Lookup(upstreamID string) *Checker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkers[upstreamID]
}

// settings are an upstream's health settings, decoded once.
type settings struct {
	name    string
	active  rules
	passive rules
	probe   probe
	// every are the intervals of probes to healthy and unhealthy addresses, 0 = none.
	everyHealthy, everyUnhealthy time.Duration
	concurrency                  int
	off                          bool
}

func newSettings(u *entity.Upstream, t TLS) *settings {
	h := &u.Healthchecks
	s := &settings{
		name:           u.Name,
		active:         newRules(h.Active.Type, h.Active.Healthy, h.Active.Unhealthy),
		passive:        newRules(h.Passive.Type, h.Passive.Healthy, h.Passive.Unhealthy),
		probe:          newProbe(u, t),
		everyHealthy:   seconds(h.Active.Healthy.Interval),
		everyUnhealthy: seconds(h.Active.Unhealthy.Interval),
		concurrency:    max(h.Active.Concurrency, 1),
	}
	// A connection that was made is a success of TCP checks whatever the lists say.
	s.active.healthy[0] |= 1 << StatusConnected
	s.passive.healthy[0] |= 1 << StatusConnected
	s.off = s.passive.off && s.everyHealthy == 0 && s.everyUnhealthy == 0
	return s
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// Checker judges the addresses of one upstream.
type Checker struct {
	registry *Registry
	id       string
	settings atomic.Pointer[settings]

	holders int // guarded by registry.mu
	prober  context.CancelFunc
	spec    proberSpec

	mu        sync.Mutex
	addrs     map[Key]*Address
	watch     map[int]func()
	nextWatch int
}

// Enabled tells whether any check is on; without, addresses show HEALTHCHECKS_OFF.
func (c *Checker) Enabled() bool { return !c.settings.Load().off }

// Acquire returns the health of an address, kept while it has holders.
// A new address is healthy.
func (c *Checker) Acquire(k Key) *Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.addrs[k]
	if a == nil {
		a = &Address{key: k, of: c}
		c.addrs[k] = a
	}
	a.refs++
	return a
}

// Release gives an acquired address back; with the last holder its state goes.
func (c *Checker) Release(a *Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.refs--; a.refs == 0 {
		delete(c.addrs, a.key)
	}
}

// Addresses returns the addresses that are held now.
func (c *Checker) Addresses() []*Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Address, 0, len(c.addrs))
	for _, a := range c.addrs {
		list = append(list, a)
	}
	return list
}

// Watch calls f after each change of health, on the goroutine that made it,
// until the returned function is called.
func (c *Checker) Watch(f func()) (unwatch func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nextWatch
	c.nextWatch++
	c.watch[n] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watch, n)
	}
}

// Close gives the checker back; with the last holder its probes end and its
// state goes.
func (c *Checker) Close() {
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.holders--; c.holders > 0 {
		return
	}
	delete(r.checkers, c.id)
	if c.prober != nil {
		c.prober()
		c.prober = nil
		c.spec = proberSpec{}
	}
}

// changed tells everybody who wants to know.
func (c *Checker) changed(a *Address, healthy bool, why string) {
	c.mu.Lock()
	fs := make([]func(), 0, len(c.watch))
	for _, f := range c.watch {
		fs = append(fs, f)
	}
	c.mu.Unlock()
	for _, f := range fs {
		f()
	}
	if f := c.registry.opts.OnChange; f != nil {
		f(Event{UpstreamID: c.id, Upstream: c.settings.Load().name, Key: a.key, Healthy: healthy, Reason: why})
	}
}
