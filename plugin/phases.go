package plugin

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// InitWorker runs once for every worker that starts, configured or not.
type InitWorker interface{ InitWorker(*pdk.Kong) error }

// Configure runs whenever the plugin's configurations changed, with all of them.
type Configure interface {
	Configure(k *pdk.Kong, configs []map[string]any) error
}

// Certificate runs during the TLS handshake with a client (global plugins only).
type Certificate interface{ Certificate(*pdk.Kong) error }

// Rewriter runs for every request before its route is known (global plugins only).
type Rewriter interface{ Rewrite(*pdk.Kong) error }

// Accessor runs for every routed request before it goes upstream.
type Accessor interface{ Access(*pdk.Kong) error }

// Responder runs with the whole upstream response, before anything of it goes
// to the client. It excludes HeaderFilterer and BodyFilterer.
type Responder interface{ Response(*pdk.Kong) error }

// HeaderFilterer runs when the response head is complete. It may not block.
type HeaderFilterer interface{ HeaderFilter(*pdk.Kong) error }

// BodyFilterer maps each chunk of the response body; the last call has last
// set. What it returns goes on: chunk itself, another slice, or nil for
// nothing. It may not block.
type BodyFilterer interface {
	BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error)
}

// Logger runs when the exchange is over. It may not block: queue what takes time.
type Logger interface{ Log(*pdk.Kong) error }

// Prereader runs once for an L4 session before it is proxied.
type Prereader interface{ Preread(*pdk.Kong) error }

// WSHandshaker runs for a WebSocket request to a ws or wss service before it
// goes upstream, in place of access.
type WSHandshaker interface{ WSHandshake(*pdk.Kong) error }

// WSClientFramer runs for every message and control frame from the client of a
// ws or wss service. k.WebSocket.Client changes, drops and closes.
type WSClientFramer interface {
	WSClientFrame(k *pdk.Kong, f pdk.Frame) error
}

// WSUpstreamFramer is the same for frames from the service, with k.WebSocket.Upstream.
type WSUpstreamFramer interface {
	WSUpstreamFrame(k *pdk.Kong, f pdk.Frame) error
}

// WSCloser runs when a request to a ws or wss service is over, in place of
// log. It may not block.
type WSCloser interface{ WSClose(*pdk.Kong) error }

// PhasesOf lists the phases that h implements.
func PhasesOf(h Handler) phase.Phase {
	var p phase.Phase
	add := func(ok bool, bit phase.Phase) {
		if ok {
			p |= bit
		}
	}
	_, ok := h.(InitWorker)
	add(ok, phase.InitWorker)
	_, ok = h.(Configure)
	add(ok, phase.Configure)
	_, ok = h.(Certificate)
	add(ok, phase.Certificate)
	_, ok = h.(Rewriter)
	add(ok, phase.Rewrite)
	_, ok = h.(Accessor)
	add(ok, phase.Access)
	_, ok = h.(Responder)
	add(ok, phase.Response)
	_, ok = h.(HeaderFilterer)
	add(ok, phase.HeaderFilter)
	_, ok = h.(BodyFilterer)
	add(ok, phase.BodyFilter)
	_, ok = h.(Logger)
	add(ok, phase.Log)
	_, ok = h.(Prereader)
	add(ok, phase.Preread)
	_, ok = h.(WSHandshaker)
	add(ok, phase.WSHandshake)
	_, ok = h.(WSClientFramer)
	add(ok, phase.WSClientFrame)
	_, ok = h.(WSUpstreamFramer)
	add(ok, phase.WSUpstreamFrame)
	_, ok = h.(WSCloser)
	add(ok, phase.WSClose)
	return p
}
