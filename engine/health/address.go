package health

import (
	"net/netip"
	"sync/atomic"
)

// Key names an address of an upstream: the same address under two host names
// is judged twice, since it may serve one and not the other.
type Key struct {
	Addr netip.AddrPort
	// Host is the name that the target was given by, or the address itself.
	Host string
}

// Failure is what kept a try from an answer.
type Failure uint8

// The kinds of failure that have a counter of their own.
const (
	// NoFailure: an answer came; its status decides.
	NoFailure Failure = iota
	// TCPFailure: refused, reset, closed without an answer, TLS failed.
	TCPFailure
	// TimeoutFailure: connect, send or read timed out.
	TimeoutFailure
)

// Address is the health of one address. All methods may be called at once.
type Address struct {
	key  Key
	of   *Checker
	word atomic.Uint64 // see word.go
	refs int           // holders, guarded by Checker.mu

	probing atomic.Bool
}

// Key returns what the address is called.
func (a *Address) Key() Key { return a.key }

// Healthy tells whether the address may be used.
func (a *Address) Healthy() bool { return a.word.Load()&downBit == 0 }

// Report is the passive check of one try: the status of the answer, or the
// failure. It costs two loads when nothing changes.
func (a *Address) Report(status int, f Failure) {
	s := a.of.settings.Load()
	if s.passive.off {
		return
	}
	a.apply(&s.passive, status, f, "passive")
}

// ReportAnswer is Report for a status that the gateway answered with because
// the address could not be reached. Checks of the type tcp do not look at it.
func (a *Address) ReportAnswer(status int) {
	if !a.of.settings.Load().passive.connections {
		a.Report(status, NoFailure)
	}
}

// Set makes the address healthy or unhealthy by hand and clears its counters.
func (a *Address) Set(healthy bool) {
	w := uint64(0)
	if !healthy {
		w = downBit
	}
	old := a.word.Swap(w)
	if (old^w)&downBit != 0 {
		a.of.changed(a, healthy, "set by hand")
	}
}

// apply counts one observation under the rules of a kind of check.
func (a *Address) apply(r *rules, status int, f Failure, by string) {
	for {
		old := a.word.Load()
		w := r.next(old, status, f)
		if w == old {
			return
		}
		if !a.word.CompareAndSwap(old, w) {
			continue
		}
		if (old^w)&downBit != 0 {
			a.of.changed(a, w&downBit == 0, by+": "+reason(r, w, status, f))
		}
		return
	}
}
