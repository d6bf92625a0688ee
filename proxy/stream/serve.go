package stream

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// step is a station in the life of a session. serve runs the steps in order; a
// step that must wait returns Suspend, and what it waits for calls resume.
type step uint8

const (
	stepRoute       step = iota // find route and service
	stepCertificate             // global plugins' certificate, before TLS
	stepSecure                  // TLS with the client
	stepPreread                 // plugins' preread
	stepBalance                 // choose where to
	stepConnect                 // connect, again elsewhere if it fails
	stepRelay                   // bytes pass both ways
	stepFinish                  // close both sides, then log
	stepEnd
)

var steps [stepEnd]func(*session) plugin.Outcome

func init() {
	steps = [stepEnd]func(*session) plugin.Outcome{
		(*session).route, (*session).certificate, (*session).secure, (*session).preread,
		(*session).balance, (*session).connect, (*session).relay, (*session).finish,
	}
}

// serve runs steps until the session is over or has to wait. Only Resume may
// enter it again.
func (s *session) serve() {
	s.running = true
	for s.step < stepEnd {
		at := s.step
		switch steps[at](s) {
		case plugin.Suspend:
			s.suspended, s.running = true, false
			return
		case plugin.Continue:
			if s.step == at {
				s.step++
			}
		case plugin.Respond:
			s.answered()
		case plugin.Fail:
			s.failed()
		}
		if s.gone && s.step < stepFinish {
			s.step = stepFinish
		}
	}
	s.running = false
	s.leave()
}

// Resume implements pdk.Host: what the session waited for has happened. After
// Continue the same step runs again and goes on where it stopped.
func (s *session) Resume(outcome uint8) {
	if !s.suspended {
		return
	}
	s.suspended = false
	switch {
	case s.gone && s.step < stepFinish:
		s.step = stepFinish
	case plugin.Outcome(outcome) == plugin.Respond:
		s.answered()
	case plugin.Outcome(outcome) == plugin.Fail:
		s.failed()
	}
	if !s.running {
		s.serve()
	}
}

// resume goes on with the current step; goOn with another.
func (s *session) resume() { s.Resume(uint8(plugin.Continue)) }

func (s *session) goOn(next step) {
	s.step = next
	s.resume()
}

// fail ends the session with a status.
func (s *session) fail(status uint16) plugin.Outcome {
	s.status, s.step = status, stepFinish
	return plugin.Continue
}

// answered: a plugin ended the session.
func (s *session) answered() {
	a := &s.plug.k.Answer
	if a.Status == 0 { // ngx.exit(ngx.OK): preread is over, the session goes on
		s.plug.run.Skip()
		return
	}
	s.fail(uint16(a.Status))
	switch a.Status {
	case 500, 502, 503:
		if len(a.Body) > 0 {
			s.logf(log.Error, "prereading client data", "the session ends with %d: %s", a.Status, a.Body)
		}
	default:
		if len(a.Body) > 0 {
			s.tr.answer(a.Body)
		}
	}
}

// failed: a handler threw (already logged).
func (s *session) failed() { s.fail(500) }

// route finds the route. A TLS client without one is refused before any plugin
// runs; for others global plugins run log.
func (s *session) route() plugin.Outcome {
	found := s.findRoute()
	if !found {
		s.logf(log.Info, "finding a route", "no route matches the session (server name %q)", s.hello.ServerName)
		if s.l.TLS != nil {
			s.tr.answer(unrecognizedName)
			s.ended = true
			return s.fail(500)
		}
	}
	if s.wanted() {
		if err := s.plugIn(); err != nil {
			s.logf(log.Error, "", "the session is dropped: %v", err)
			return s.fail(500)
		}
	}
	if !found {
		return s.fail(500)
	}
	return plugin.Continue
}

func (s *session) secure() plugin.Outcome {
	if s.l.TLS == nil || s.passthrough || s.flow.Proto == "tls" {
		return plugin.Continue
	}
	return s.tr.secure()
}

func (s *session) preread() plugin.Outcome {
	if p := s.plug; p != nil {
		if out := p.run.Phase(&p.k, phase.Preread); out != plugin.Continue {
			return out
		}
	}
	if s.entry.Service == nil && !s.taken {
		s.logf(log.Error, "prereading client data", "the route has no service")
		return s.fail(503)
	}
	return plugin.Continue
}

func (s *session) relay() plugin.Outcome { return s.tr.relay() }

// finish closes both sides, runs log and tells the access log.
func (s *session) finish() plugin.Outcome {
	s.end = s.w.Loop.Now()
	s.report()
	s.tr.hang()
	access := s.w.srv.Access
	if s.ended {
		s.unplug()
		return plugin.Continue
	}
	s.ended = true
	if s.plug == nil && access != nil {
		if err := s.plugIn(); err != nil {
			s.logf(log.Error, "logging a session", "%v", err)
			return plugin.Continue
		}
		if s.dialled != 0 {
			s.plug.k.Tries = append(s.plug.k.Tries, pdk.Try{IP: s.w.text(s.target.addr.Addr()), Port: int(s.target.addr.Port())})
		}
	}
	if p := s.plug; p != nil {
		s.sync()
		p.run.Phase(&p.k, phase.Log)
		if access != nil {
			access.Write(&p.k)
		}
		s.unplug()
	}
	return plugin.Continue
}

// over ends a session that waits for nothing but its bytes. Loop only.
func (s *session) over(status uint16) {
	if s.step >= stepFinish {
		return
	}
	s.status = status
	s.goOn(stepFinish)
}

// cut ends a session from outside: at once where it waits for a socket, as soon
// as the plugin gives it back where one has it.
func (s *session) cut() {
	s.gone = true
	switch s.step {
	case stepRoute:
		s.ended = true
		s.resume()
	case stepRelay, stepConnect:
		s.resume()
	}
}
