package balancer

import "net/netip"

// maxRemembered is how many failed addresses a request remembers; with more,
// the oldest is forgotten.
const maxRemembered = 16

// Tries is what a request remembers between its tries. The zero value is
// ready; it is used by one goroutine at a time.
type Tries struct {
	// SetCookie is the value of a Set-Cookie field to add to the response when
	// the balancer made a hash cookie, "" otherwise.
	SetCookie string

	key    uint64
	keyed  bool
	failed *[maxRemembered]netip.AddrPort // made by the first failure, since few requests have one
	n      int
	values []string // the memory of what is hashed
}

// Reset makes the record ready for the next request.
func (t *Tries) Reset() {
	if t.n > 0 || t.keyed {
		clear(t.values[:cap(t.values)])
		*t = Tries{failed: t.failed, values: t.values[:0]}
	}
}

// Failed notes that the peer failed this request: the next Pick prefers others.
func (t *Tries) Failed(p *Peer) {
	if t.failed == nil {
		t.failed = new([maxRemembered]netip.AddrPort)
	}
	t.failed[t.n%maxRemembered] = p.Addr
	t.n++
}

// has tells whether the peer failed this request before.
func (t *Tries) has(p *Peer) bool {
	if t == nil {
		return false
	}
	for i := range min(t.n, maxRemembered) {
		if t.failed[i] == p.Addr {
			return true
		}
	}
	return false
}

// none tells whether nothing has failed, the usual case.
func (t *Tries) none() bool { return t == nil || t.n == 0 }
