package proxy

import (
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// repeatable says whether the request can be sent once more: nothing of a
// response was seen, and its body, if any, can be replayed.
func (r *request) repeatable() bool {
	if r.HeadSent != 0 || r.up != nil && r.up.answered() {
		return false
	}
	b := &r.body // its mode says nothing: what is left of a body that an upstream refused is discarded
	return b.received == 0 || b.read || b.replaced || b.kept()
}

// idempotent: nginx's rule for proxy_next_upstream without non_idempotent.
func (r *request) idempotent() bool {
	switch r.View(r.Method) {
	case "POST", "LOCK", "PATCH":
		return false
	}
	return true
}

// tryFailed decides what a failed try means: another one, or an answer. It
// returns Continue with the step set, or Suspend when a new try is under way.
func (r *request) tryFailed(err error, f health.Failure, connecting bool) plugin.Outcome {
	t := r.target
	if n := len(r.k.Tries); n > 0 {
		l := &r.k.Tries[n-1]
		l.State, l.Code = "failed", 502
		if f == health.TimeoutFailure {
			l.Code = 504
		}
	}
	r.w.srv.logRequest(r, "upstream", err.Error()+upstreamContext(r, connecting))
	peer := t.peer
	if peer != nil {
		t.tries.Failed(peer)
	}
	r.report(0, f)
	r.UpstreamStatus = 502
	if f == health.TimeoutFailure {
		r.UpstreamStatus = 504
	}
	if t.left > 0 && err != errUpstreamBad && r.repeatable() && (connecting || r.idempotent()) {
		t.left--
		r.step = stepBalance
		return plugin.Continue
	}
	if peer != nil && f == health.TCPFailure {
		// The reference judges the last try by the status that the client gets,
		// so that configurations which list 502 count on that.
		peer.ReportStatus(502)
	}
	r.step = stepHeaderFilter
	r.failProxy(int(r.UpstreamStatus))
	if r.k.Balance.Buffering || r.run.NeedsBuffering() {
		r.UpstreamStatus = 0
		r.Source = message.SourceExit // the reference asks by a subrequest and answers itself
	}
	return plugin.Continue
}

// again goes on with an earlier step after a suspension.
func (r *request) again(s step) {
	r.step = s
	r.resume()
}

func upstreamContext(r *request, connecting bool) string {
	what := " while reading response header from upstream"
	if connecting {
		what = " while connecting to upstream"
	}
	return what + ", upstream: " + r.target.addr.String()
}

// noteTry records a try that begins, for logs.
func (r *request) noteTry() {
	t, now := r.target, r.w.Loop.Now()
	if t.ipOf != t.addr {
		t.ipOf, t.ip = t.addr, r.w.text(t.addr.Addr())
	}
	r.k.Tries = append(r.k.Tries, pdk.Try{
		IP: t.ip, Port: int(t.addr.Port()),
		BalancerStart:   r.w.Loop.Wall() - (now - r.Times.BalancerStart),
		BalancerLatency: now - r.Times.BalancerStart,
	})
}
