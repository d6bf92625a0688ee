package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are a resolver's settings. Times are durations; the defaults in
// parentheses are those of kong.conf, which gateway/conf fills in: the zero
// value is taken as it stands except where said.
type Options struct {
	// Servers are the name servers (dns_resolver); empty = those of ResolvConf.
	Servers []netip.AddrPort
	// ResolvConf is the path of resolv.conf, "" = /etc/resolv.conf. Its search
	// list, ndots, timeout and attempts count even when Servers are given; the
	// environment's LOCALDOMAIN and RES_OPTIONS come before them as in libc.
	ResolvConf string
	// HostsFile is the path of the hosts file (dns_hostsfile), "" = none.
	HostsFile string
	// Order are the types to try, one after another (dns_order); empty =
	// LAST, SRV, A, CNAME.
	Order []Type
	// ValidTTL replaces the time to live of answers if not nil (dns_valid_ttl).
	ValidTTL *time.Duration
	// StaleTTL is how long an expired answer serves while a new one is fetched (3600 s).
	StaleTTL time.Duration
	// NotFoundTTL is how long names that do not exist or are empty are kept (30 s).
	NotFoundTTL time.Duration
	// ErrorTTL is how long other errors are kept (1 s).
	ErrorTTL time.Duration
	// CacheSize is the number of names kept; 0 = 10000.
	CacheSize int
	// NoSync makes each caller ask for itself instead of sharing a query (dns_no_sync).
	NoSync bool
	// NewClient follows new_dns_client = on: Order has the resolver_family, LAST
	// and CNAME mean nothing, SRV is asked for only where the name has the form
	// _service._proto.name, NotFoundTTL is ErrorTTL, and NoSync means nothing.
	NewClient bool

	// Dial connects to a name server; nil = net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Resolver resolves names. All methods may be called at once.
type Resolver struct {
	opts   Options
	conf   resolvConf
	hosts  map[string][]netip.Addr
	cache  *cache
	rotate atomic.Uint32

	ctx  context.Context
	stop context.CancelFunc

	mu     sync.Mutex // guards closed against the start of a query
	closed bool
	wait   sync.WaitGroup
}

// New makes a resolver. A hosts file or resolv.conf that cannot be read is an
// error only if it exists.
func New(o Options) (*Resolver, error) {
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	if len(o.Order) == 0 {
		o.Order = []Type{Last, TypeSRV, TypeA, TypeCNAME}
	}
	if o.NewClient {
		o.NotFoundTTL = o.ErrorTTL
		o.NoSync = false
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10000
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	conf, err := readResolvConf(o.ResolvConf)
	if err != nil {
		return nil, err
	}
	if len(o.Servers) > 0 {
		conf.servers = o.Servers
	}
	hosts, err := readHosts(o.HostsFile)
	if err != nil {
		return nil, err
	}
	r := &Resolver{opts: o, conf: conf, hosts: hosts, cache: newCache(o.CacheSize)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// Close gives up the queries under way and waits for them to end; the cache
// still answers.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.wait.Wait()
}

// goQuery runs f on a goroutine that Close waits for.
func (r *Resolver) goQuery(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wait.Go(f)
	return true
}

var errClosed = errors.New("dns client error: the resolver is closed")

// Name is a handle for a name that is looked up often: its answers are found
// without hashing or locking, and are never evicted while the handle is used.
type Name struct {
	r *Resolver
	e *entry
}

// Name returns a handle for a host name or an address.
func (r *Resolver) Name(host string) *Name { return &Name{r, r.entry(host)} }

func (r *Resolver) entry(host string) *entry {
	key := normalise(host)
	if addr, ok := parseAddr(key); ok {
		e := newEntry(key)
		e.answer.Store(literal(key, addr))
		return e
	}
	e, isNew := r.cache.get(key)
	if isNew {
		if a := r.fromHosts(key, r.order(e)); a != nil {
			e.answer.CompareAndSwap(nil, a)
		}
	}
	return e
}

// Cached is Resolver.Cached for the handle's name.
func (n *Name) Cached() (*Answer, bool) { return n.r.cached(n.e) }

// Resolve is Resolver.Resolve for the handle's name.
func (n *Name) Resolve(ctx context.Context) (*Answer, error) { return n.r.resolve(ctx, n.e) }

// Refresh is Resolver.Refresh for the handle's name.
func (n *Name) Refresh(ctx context.Context) (*Answer, error) { return n.r.refresh(ctx, n.e) }

// Cached answers from memory and never blocks; ok is false when a name server
// would have to be asked (call Resolve on another goroutine). A kept failure is
// an answer too: look at Answer.Err. An expired answer that may still serve
// (StaleTTL) is returned, and a new one is fetched in the background.
func (r *Resolver) Cached(name string) (a *Answer, ok bool) {
	return r.cached(r.entry(name))
}

// Resolve is Cached, and asks the name servers where that does not answer.
func (r *Resolver) Resolve(ctx context.Context, name string) (*Answer, error) {
	return r.resolve(ctx, r.entry(name))
}

// Refresh waits for an answer that is not expired; it may be a failure that is
// kept (look at Answer.Err), the error is that of ctx. Where name servers fail,
// an expired answer that may still serve is returned instead of the failure.
func (r *Resolver) Refresh(ctx context.Context, name string) (*Answer, error) {
	return r.refresh(ctx, r.entry(name))
}

func (r *Resolver) cached(e *entry) (*Answer, bool) {
	a := e.answer.Load()
	if a == nil {
		return nil, false
	}
	e.touch()
	if a.Expires.Equal(forever) {
		return a, true
	}
	now := r.opts.Now()
	if now.Before(a.Expires) {
		return a, true
	}
	if now.Before(a.stale) {
		if e.refreshing.CompareAndSwap(false, true) {
			r.goQuery(func() {
				defer e.refreshing.Store(false)
				r.query(r.ctx, e)
			})
		}
		return a, true
	}
	return nil, false
}

func (r *Resolver) resolve(ctx context.Context, e *entry) (*Answer, error) {
	a, ok := r.cached(e)
	if !ok {
		var err error
		if a, err = r.query(ctx, e); err != nil {
			return nil, err
		}
	}
	if a.Err != nil {
		return nil, a.Err
	}
	return a, nil
}

func (r *Resolver) refresh(ctx context.Context, e *entry) (*Answer, error) {
	if a := e.answer.Load(); a != nil && r.opts.Now().Before(a.Expires) {
		return a, nil
	}
	return r.query(ctx, e)
}

// Problem tells what a client is told when a name could not be resolved:
// a name that does not exist is 503, a name server that fails is 500. An error
// that knows its status (HTTPStatus() int, as the balancer's do) speaks for itself.
func Problem(name string, err error) (status int, message string) {
	var own interface{ HTTPStatus() int }
	if errors.As(err, &own) {
		return own.HTTPStatus(), err.Error()
	}
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		return http.StatusServiceUnavailable, "name resolution failed"
	}
	return http.StatusInternalServerError, fmt.Sprintf("failed the initial dns/balancer resolve for '%s' with: %s", name, err)
}

// ParseServers reads dns_resolver: addresses with or without a port (53).
func ParseServers(list []string) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	for _, s := range list {
		s = strings.TrimSpace(s)
		if ap, err := netip.ParseAddrPort(s); err == nil {
			servers = append(servers, ap)
			continue
		}
		addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
		if err != nil {
			return nil, fmt.Errorf("dns_resolver: %q is not an address or address:port", s)
		}
		servers = append(servers, netip.AddrPortFrom(addr, 53))
	}
	return servers, nil
}

// ParseOrder reads dns_order or resolver_family.
func ParseOrder(list []string) ([]Type, error) {
	var order []Type
	for _, s := range list {
		switch strings.ToUpper(strings.TrimSpace(s)) {
		case "LAST":
			order = append(order, Last)
		case "SRV":
			order = append(order, TypeSRV)
		case "A":
			order = append(order, TypeA)
		case "AAAA":
			order = append(order, TypeAAAA)
		case "CNAME":
			order = append(order, TypeCNAME)
		default:
			return nil, fmt.Errorf("dns_order: %q is not LAST, SRV, A, AAAA or CNAME", s)
		}
	}
	return order, nil
}

// normalise lowers the case and takes a final dot and the brackets of an IPv6
// literal away. It does not allocate for a name in its usual form.
func normalise(host string) string {
	host = strings.TrimSuffix(host, ".")
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return strings.ToLower(host)
}

// parseAddr tells addresses from names without an allocation for names.
func parseAddr(s string) (netip.Addr, bool) {
	if s == "" || strings.IndexByte(s, ':') < 0 && (s[len(s)-1] < '0' || s[len(s)-1] > '9') {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}
