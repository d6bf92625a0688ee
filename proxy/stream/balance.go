package stream

import (
	"context"
	"net/netip"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/balancer"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// resolveTimeout bounds how long a session waits for a name or for targets.
const resolveTimeout = 10 * time.Second

// target is where the session goes and what has been tried.
type target struct {
	tries    *balancer.Tries // nil unless an upstream chooses
	balancer *balancer.Balancer
	peer     *balancer.Peer
	addr     netip.AddrPort
	sni      string
	planned  bool
	tried    int32 // connections begun
	left     int32 // further tries
	// connect, write and read are the timeouts in nanoseconds.
	connect, write, read int64
	choosing             int64 // when the balancer began
}

// overrides are what plugins said about where the session goes.
func (s *session) overrides() *pdk.Balance {
	if s.plug == nil {
		return &noOverrides
	}
	return &s.plug.k.Balance
}

var noOverrides = pdk.Balance{Retries: -1, ConnectTimeout: -1, WriteTimeout: -1, ReadTimeout: -1}

// schedule fixes retries and timeouts for all tries.
func (s *session) schedule() {
	t, svc, b := &s.target, s.entry.Service, s.overrides()
	choose := func(override, own int) int64 {
		if override >= 0 {
			return int64(override)
		}
		return int64(own)
	}
	t.planned = true
	t.left = int32(choose(b.Retries, svc.Retries))
	t.connect = choose(b.ConnectTimeout, svc.ConnectTimeout) * 1e6
	t.write = choose(b.WriteTimeout, svc.WriteTimeout) * 1e6
	t.read = choose(b.ReadTimeout, svc.ReadTimeout) * 1e6
}

// balance chooses the address of the next try.
func (s *session) balance() plugin.Outcome {
	t := &s.target
	if s.taken {
		s.step = stepRelay
		return plugin.Continue
	}
	if !t.planned {
		s.schedule()
	}
	t.choosing = s.w.Loop.Now()
	b := s.overrides()
	switch {
	case b.Upstream != "":
		t.balancer = s.snap.Upstreams[b.Upstream]
	case b.Host != "":
		t.balancer = s.snap.Upstreams[b.Host]
		if t.balancer == nil {
			return s.resolve(b.Host, b.Port, nil)
		}
	default:
		t.balancer = s.dest.Balancer
		if t.balancer == nil {
			svc := s.entry.Service
			if s.dest.Addr.IsValid() {
				t.addr, t.sni = s.dest.Addr, svc.Host
				return plugin.Continue
			}
			return s.resolve(svc.Host, svc.Port, s.dest.Name)
		}
	}
	return s.pick()
}

// pick asks the upstream's balancer.
func (s *session) pick() plugin.Outcome {
	t := &s.target
	if t.tries == nil {
		t.tries = &balancer.Tries{}
	}
	peer, err := t.balancer.Pick(s, t.tries)
	switch err {
	case nil:
		t.peer, t.addr, t.sni = peer, peer.Addr, peer.Host
		return plugin.Continue
	case balancer.ErrResolving:
		b := t.balancer
		s.w.Loop.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
			defer cancel()
			_ = b.Wait(ctx)
		}, s.resume)
		return plugin.Suspend
	}
	return s.unavailable(err)
}

// unavailable ends a session that has nowhere to go.
func (s *session) unavailable(err error) plugin.Outcome {
	if s.target.tried > 0 { // every address was tried: what the last try said stands
		return s.fail(502)
	}
	host := s.entry.Service.Host
	if b := s.overrides(); b.Host != "" {
		host = b.Host
	}
	status, text := dns.Problem(host, err)
	s.logf(log.Error, "choosing an upstream", "%s: %v", text, err)
	return s.fail(uint16(status))
}

// resolve finds an address of a host that is no upstream.
func (s *session) resolve(host string, port int, name *dns.Name) plugin.Outcome {
	t := &s.target
	t.sni = host
	if a, err := netip.ParseAddr(host); err == nil {
		t.addr = netip.AddrPortFrom(a, uint16(port))
		return plugin.Continue
	}
	if name == nil {
		name = s.w.srv.Resolver.Name(host)
	}
	if a, ok := name.Cached(); ok {
		return s.resolved(a, a.Err, port)
	}
	var a *dns.Answer
	var err error
	s.w.Loop.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
		defer cancel()
		a, err = name.Resolve(ctx)
	}, func() {
		if !s.gone {
			s.resolved(a, err, port)
			if s.step == stepBalance {
				s.step = stepConnect
			}
		}
		s.resume()
	})
	return plugin.Suspend
}

func (s *session) resolved(a *dns.Answer, err error, port int) plugin.Outcome {
	if err == nil {
		if s.target.addr = a.Pick(port); s.target.addr.IsValid() {
			return plugin.Continue
		}
		err = balancer.ErrNoPeers
	}
	return s.unavailable(err)
}

// connect begins a try.
func (s *session) connect() plugin.Outcome {
	t, now := &s.target, s.w.Loop.Now()
	t.tried++
	s.balanced = now
	if s.dialled == 0 {
		s.dialled = now
	}
	if p := s.plug; p != nil {
		p.k.Tries = append(p.k.Tries, pdk.Try{
			IP: s.w.text(t.addr.Addr()), Port: int(t.addr.Port()),
			BalancerStart:   s.w.Loop.Wall() - (now - t.choosing),
			BalancerLatency: now - t.choosing,
		})
	}
	return s.tr.connect()
}

// tryFailed decides what a failed try means: another one, or the end.
func (s *session) tryFailed(err error, f health.Failure) plugin.Outcome {
	t := &s.target
	s.logf(log.Error, "connecting to upstream", "connect() failed: %v", err)
	again := t.left > 0 && !s.gone
	if p := s.plug; p != nil {
		if n := len(p.k.Tries); n > 0 {
			l := &p.k.Tries[n-1]
			l.State, l.Code = "failed", 502
			if again {
				l.State = "next"
			}
		}
	}
	s.reportFailure(f)
	if !again {
		return s.fail(502)
	}
	t.left--
	s.step = stepBalance
	return plugin.Continue
}

// reportFailure tells them that the try failed.
func (s *session) reportFailure(f health.Failure) {
	t := &s.target
	if t.peer != nil {
		t.tries.Failed(t.peer)
		t.balancer.Done(t.peer, balancer.Result{Failure: f})
		t.peer = nil
	}
}

// report tells health checks and the balancer that the session is over; a
// failed try was reported already.
func (s *session) report() {
	t := &s.target
	if t.peer == nil {
		return
	}
	r := balancer.Result{}
	if s.upstream != 0 {
		r = balancer.Result{Status: health.StatusConnected, Latency: time.Duration(s.upstream - s.balanced)}
	}
	t.balancer.Done(t.peer, r)
	t.peer = nil
}

// HashValues implements balancer.Hasher: an L4 client has only its address.
func (s *session) HashValues(on balancer.HashOn, _ string, dst []string) []string {
	if on == balancer.HashIP {
		dst = append(dst, s.remote.Addr().Unmap().String())
	}
	return dst
}
