package proxy

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/balancer"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// resolveTimeout bounds how long a request waits for a name or for targets.
const resolveTimeout = 10 * time.Second

// balance chooses the address of the next try.
func (r *request) balance() plugin.Outcome {
	if r.target == nil {
		r.target, _ = take(&r.w.targets)
		r.plan()
	}
	t := r.target
	r.Times.BalancerStart = r.w.Loop.Now()
	b := &r.k.Balance
	if t.tried > 0 && b.Retry != nil && r.named() {
		if status := b.Retry(); status != 0 {
			r.step = stepHeaderFilter
			r.failProxy(status)
			return plugin.Continue
		}
	}
	switch {
	case b.Upstream != "":
		t.balancer = r.snap.Upstreams[b.Upstream]
	case b.Host != "":
		t.balancer = r.snap.Upstreams[b.Host]
		if t.balancer == nil {
			return r.resolve(b.Host, b.Port, nil)
		}
	default:
		t.balancer = r.dest.Balancer
		if t.balancer == nil {
			if r.dest.Addr.IsValid() {
				t.addr, t.hostPort = r.dest.Addr, r.dest.HostHeader
				t.sni = r.k.Router.Service.Host
				return plugin.Continue
			}
			return r.resolve(r.k.Router.Service.Host, r.k.Router.Service.Port, r.dest.Name)
		}
	}
	return r.pick()
}

// named says whether the next try goes to a name rather than to an address.
func (r *request) named() bool {
	b := &r.k.Balance
	switch {
	case b.Upstream != "":
		return true
	case b.Host != "":
		_, err := netip.ParseAddr(b.Host)
		return err != nil
	}
	return r.dest.Balancer != nil || !r.dest.Addr.IsValid()
}

// plan fixes retries and timeouts for all tries.
func (r *request) plan() {
	s, b, t := r.k.Router.Service, &r.k.Balance, r.target
	choose := func(override, own int) int64 {
		if override >= 0 {
			return int64(override)
		}
		return int64(own)
	}
	t.left = int(choose(b.Retries, s.Retries))
	t.connect = choose(b.ConnectTimeout, s.ConnectTimeout) * 1e6
	t.write = choose(b.WriteTimeout, s.WriteTimeout) * 1e6
	t.read = choose(b.ReadTimeout, s.ReadTimeout) * 1e6
}

// pick asks the upstream's balancer.
func (r *request) pick() plugin.Outcome {
	t := r.target
	peer, err := t.balancer.Pick(r, &t.tries)
	switch err {
	case nil:
		t.peer, t.addr = peer, peer.Addr
		t.hostPort, t.sni = peer.HostHeader(schemePort(r.View(r.UpstreamScheme))), peer.Host
		return plugin.Continue
	case balancer.ErrResolving:
		b := t.balancer
		r.w.Loop.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
			defer cancel()
			_ = b.Wait(ctx)
		}, r.resume)
		return plugin.Suspend
	}
	r.unavailable(err)
	return plugin.Continue
}

// unavailable answers a request that has nowhere to go.
func (r *request) unavailable(err error) {
	r.step = stepHeaderFilter
	if r.target.tried > 0 { // every address was tried: what the last try said stands
		r.failProxy(502)
		return
	}
	status, text := dns.Problem(r.upstreamName(), err)
	r.w.srv.logRequest(r, "balancer", err.Error())
	r.fail(status, text)
}

func (r *request) upstreamName() string {
	if r.k.Balance.Host != "" {
		return r.k.Balance.Host
	}
	return r.k.Router.Service.Host
}

// resolve finds an address of a host that is no upstream.
func (r *request) resolve(host string, port int, name *dns.Name) plugin.Outcome {
	t := r.target
	t.sni = host
	if a, err := netip.ParseAddr(host); err == nil {
		t.addr = netip.AddrPortFrom(a, uint16(port))
		t.hostPort = snapshot.HostHeader(host, port, r.View(r.UpstreamScheme))
		return plugin.Continue
	}
	if name == nil {
		name = r.w.srv.Resolver.Name(host)
	}
	a, ok := name.Cached()
	if ok {
		r.debug.resolved(host, 0, true)
		return r.resolved(a, a.Err, host, port)
	}
	var err error
	start := time.Now()
	r.w.Loop.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
		defer cancel()
		a, err = name.Resolve(ctx)
	}, func() {
		if r.gone {
			r.resume()
			return
		}
		r.debug.resolved(host, time.Since(start), false)
		r.resolved(a, err, host, port)
		if r.step == stepBalance {
			r.step = stepSend
		}
		r.resume()
	})
	return plugin.Suspend
}

func (r *request) resolved(a *dns.Answer, err error, host string, port int) plugin.Outcome {
	t := r.target
	if err == nil {
		t.addr = a.Pick(port)
		if t.addr.IsValid() {
			t.hostPort = snapshot.HostHeader(host, int(t.addr.Port()), r.View(r.UpstreamScheme))
			return plugin.Continue
		}
		err = balancer.ErrNoPeers
	}
	r.unavailable(err)
	return plugin.Continue
}

// schemePort is the port that a Host field leaves out.
func schemePort(scheme string) int {
	switch scheme {
	case "https", "grpcs", "wss":
		return 443
	}
	return 80
}

// report tells health checks and the balancer how a try went; once per try.
func (r *request) report(status int, f health.Failure) {
	t := r.target
	if t == nil || t.peer == nil {
		return
	}
	latency := time.Duration(0)
	if r.Times.UpstreamHead > r.Times.ConnectStart {
		latency = time.Duration(r.Times.UpstreamHead - r.Times.ConnectStart)
	}
	t.balancer.Done(t.peer, balancer.Result{Status: status, Failure: f, Latency: latency})
	t.peer = nil
}

// HashValues implements balancer.Hasher.
func (r *request) HashValues(on balancer.HashOn, name string, dst []string) []string {
	switch on {
	case balancer.HashConsumer:
		if id := r.k.ConsumerID(); id != "" {
			dst = append(dst, id)
		} else if id := r.k.CredentialID(); id != "" {
			dst = append(dst, id)
		}
	case balancer.HashIP:
		dst = append(dst, r.View(r.RemoteAddr))
	case balancer.HashHeader:
		fs := r.Fields(&r.Request)
		for i := range fs {
			if f := &fs[i]; f.Flags&message.FieldGone == 0 && message.EqualFold(r.NameOf(f), name) {
				dst = append(dst, r.View(f.Value))
			}
		}
	case balancer.HashCookie:
		if v, ok := r.cookie(name); ok {
			dst = append(dst, v)
		}
	case balancer.HashPath:
		dst = append(dst, r.View(r.URI))
	case balancer.HashQueryArg:
		args, _ := r.k.Request.Query(1000)
		for _, a := range args {
			if a.Name == name {
				dst = append(dst, a.Value)
			}
		}
	case balancer.HashURICapture:
		for _, c := range r.route.Captures(nil, r.View(r.URI)) {
			if c.Name == name || c.Name == "" && strconv.Itoa(c.Index) == name {
				dst = append(dst, c.Value)
			}
		}
	}
	return dst
}

// cookie finds one cookie of the request.
func (r *request) cookie(name string) (string, bool) {
	f := r.FindID(&r.Request, message.HeaderCookie)
	if f == nil {
		return "", false
	}
	return cookieValue(r.View(f.Value), name)
}

func cookieValue(all, name string) (string, bool) {
	for len(all) > 0 {
		part := all
		if k := strings.IndexByte(all, ';'); k >= 0 {
			part, all = all[:k], all[k+1:]
		} else {
			all = ""
		}
		for len(part) > 0 && part[0] == ' ' {
			part = part[1:]
		}
		if len(part) > len(name) && part[:len(name)] == name && part[len(name)] == '=' {
			return part[len(name)+1:], true
		}
	}
	return "", false
}
