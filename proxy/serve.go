package proxy

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// step is a station in the life of a request. serve runs the steps in order;
// a step that must wait returns Suspend, and what it waits for calls Resume.
type step uint8

const (
	stepRewrite      step = iota // global plugins' rewrite
	stepRoute                    // find route and service
	stepAccess                   // plugins' access
	stepPrepare                  // what goes upstream, now that plugins are done
	stepCollect                  // the whole request body, unless it is streamed
	stepBalance                  // choose where to
	stepSend                     // connect, send, wait for the response head
	stepResponse                 // buffered: the whole response, then plugins' response
	stepHeaderFilter             // plugins' header_filter, then our own headers
	stepBody                     // body_filter and the body, as it comes
	stepFinish                   // log, and what becomes of the connections
	stepEnd
)

var steps [stepEnd]func(*request) plugin.Outcome

func init() {
	steps = [stepEnd]func(*request) plugin.Outcome{
		(*request).rewrite, (*request).findRoute, (*request).access, (*request).prepare, (*request).collect,
		(*request).balance, (*request).send, (*request).response, (*request).headerFilter, (*request).streamBody,
		(*request).finish,
	}
}

// serve runs steps until the request is over or has to wait. Only Resume may
// enter it again.
func (r *request) serve() {
	r.running = true
	for at := r.step; at < stepEnd; at = r.step {
		if r.taken.over(at) {
			at, r.step = stepFinish, stepFinish
		}
		if r.debug != nil {
			r.debug.enter(at)
		}
		out := steps[at](r)
		switch {
		case out == plugin.Suspend:
			r.suspended = true
			r.running = false
			if r.gone { // noticed within the step, which now waits for nobody
				r.cutShort()
			}
			return
		case r.gone && r.step < stepFinish:
			r.step = stepFinish
		case out == plugin.Continue:
			if r.step == at {
				r.step++
			}
		case out == plugin.Respond:
			r.answered()
		case out == plugin.Fail:
			r.failed(at)
		}
	}
	r.running = false
	r.over()
}

// Resume implements pdk.Host: what the request waited for has happened. After
// Continue the same step runs again and goes on where it stopped.
func (r *request) Resume(outcome uint8) {
	if !r.suspended {
		return
	}
	if s := r.socket; s != nil && s.busy {
		s.resumed(plugin.Outcome(outcome))
		return
	}
	r.suspended = false
	switch {
	case r.gone && r.step < stepFinish:
		r.step = stepFinish
	case plugin.Outcome(outcome) == plugin.Respond:
		r.answered()
	case plugin.Outcome(outcome) == plugin.Fail:
		r.failed(r.step)
	}
	if !r.running {
		r.serve()
	}
}

// resume goes on with the current step.
func (r *request) resume() { r.Resume(uint8(plugin.Continue)) }

// answered: a plugin made the response.
func (r *request) answered() {
	if r.step >= stepHeaderFilter && r.step != stepHeaderFilter {
		return
	}
	if r.taken.raw {
		r.step = stepFinish
		return
	}
	r.run.CollectRest(&r.k)
	if r.Source == message.SourceNone || r.step == stepResponse {
		if r.Source != message.SourceError {
			r.Source = message.SourceExit
		}
	}
	if r.step == stepHeaderFilter {
		r.run.Skip()
		r.out.replace(r)
		return
	}
	r.leaveUpstream()
	r.out.answer(r)
	r.step = stepHeaderFilter
}

// failed: a handler threw. Before the response there is a 500; afterwards the
// connection closes, since the client must not take half an answer for whole.
func (r *request) failed(at step) {
	switch {
	case r.taken.raw:
		r.step = stepFinish
	case at < stepHeaderFilter:
		r.run.CollectRest(&r.k)
		r.leaveUpstream()
		if at == stepAccess {
			r.fail(500, "An unexpected error occurred")
		} else {
			r.keep = false
			r.failProxy(500)
		}
		r.step = stepHeaderFilter
	default:
		r.out.aborted = true
		r.keep = false
		r.step = stepFinish
	}
}

func (r *request) rewrite() plugin.Outcome {
	r.Times.Rewrite = r.w.Loop.Now()
	return r.run.Phase(&r.k, phase.Rewrite)
}

func (r *request) access() plugin.Outcome {
	if r.Times.Access == 0 {
		r.Times.Access = r.w.Loop.Now()
	}
	if r.socket != nil {
		return r.webSocketAccess()
	}
	out := r.run.Phase(&r.k, phase.Access)
	if out == plugin.Continue && r.k.Router.Service == nil && r.step == stepAccess {
		r.exit(503, "no Service found with those values")
		r.step = stepHeaderFilter
	}
	return out
}

// finish runs log and tells the access log.
func (r *request) finish() plugin.Outcome {
	r.Times.End = r.w.Loop.Now()
	r.leaveUpstream()
	if !r.ended {
		r.ended = true
		if r.socket != nil {
			r.run.Phase(&r.k, phase.WSClose)
		} else {
			r.run.Phase(&r.k, phase.Log)
		}
		if r.debug != nil {
			r.debugToLog()
		}
		if a := r.w.srv.Access; a != nil {
			a.Write(&r.k)
		}
	}
	return plugin.Continue
}

// over gives the request back and lets the client go on.
func (r *request) over() {
	c, keep := r.client, r.keep && r.bodySettled() && !r.out.aborted
	tunnelled, cut := r.out.tunnelled, r.out.aborted || r.gone || r.out.upgraded
	shows := !r.gone && r.out.started && !r.out.raw && !r.out.upgraded && (r.out.chunked || r.out.length >= 0)
	c.part()
	r.w.release(r)
	switch {
	case tunnelled:
	case cut:
		c.breakOff(shows)
	default:
		c.finished(keep)
	}
}

// clientGone: the client closed or reset. What runs is cut short where it can
// be; what waits for a job ends when the job does.
func (r *request) clientGone() {
	if r.gone {
		return
	}
	r.gone, r.ClientGone, r.keep = true, true, false
	if r.Status == 0 || r.HeadSent == 0 {
		r.Status = 499
	}
	if !r.running && r.suspended {
		r.cutShort()
	}
}

// cutShort ends the waiting of a suspended request whose client is gone, where
// nobody else has it.
func (r *request) cutShort() {
	switch r.step {
	case stepSend, stepBody, stepCollect, stepResponse:
		if r.step == stepResponse && !r.out.collecting { // the plugin has it
			r.run.Aborted(&r.k)
			return
		}
		r.leaveUpstream()
		r.body.waiting = nil
		r.suspended = false
		r.step = stepFinish
		r.serve()
	case stepRewrite, stepAccess:
		if w := r.body.waiting; w != nil { // a plugin waits for a body that never comes
			r.body.waiting = nil
			w(errClientGone)
			return
		}
		r.run.Aborted(&r.k)
	}
}

// clientTimeout: the client did not send its body, or take its answer, in time.
func (r *request) clientTimeout() {
	r.w.srv.Log.Infof("client timed out (%s)", r.Flow.Peer)
	r.gone, r.ClientGone, r.keep = true, true, false
	if r.HeadSent == 0 {
		r.Status = 408
	}
	r.gone = false
	r.clientGone()
}
