package balancer

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/turn"
)

// algorithm is the upstream's way to choose.
type algorithm uint8

const (
	roundRobin algorithm = iota
	consistentHashing
	leastConnections
	latency
)

func parseAlgorithm(s string) algorithm {
	switch s {
	case "consistent-hashing":
		return consistentHashing
	case "least-connections":
		return leastConnections
	case "latency":
		return latency
	}
	return roundRobin
}

// pool is the peers of one moment, replaced whole when an address comes or
// goes. Health is not part of it: each choice looks at the peers' flags.
type pool struct {
	peers []*Peer     // of weight above 0
	wheel *turn.Wheel // of round-robin
	ring  *ring       // of consistent-hashing
	// usable is false when all are unhealthy or too little weight is healthy.
	usable atomic.Bool
	// next makes ties of least-connections take turns.
	next atomic.Uint32
}

func newPool(a algorithm, peers []*Peer, slots int, prev *pool) *pool {
	pl := &pool{peers: peers}
	switch a {
	case roundRobin:
		weights := make([]int, len(peers))
		for i, p := range peers {
			weights[i] = p.weight
		}
		pl.wheel = turn.New(weights)
		if prev != nil {
			pl.wheel.Resume(prev.wheel)
		}
	case consistentHashing:
		pl.ring = newRing(peers, slots)
	}
	return pl
}

// roundRobin draws turns until one is of a healthy peer that has not failed
// this request; when all healthy ones have, the first drawn serves again.
func (pl *pool) roundRobin(t *Tries) *Peer {
	var again *Peer
	for range pl.wheel.Len() + 1 {
		p := pl.peers[pl.wheel.Next()]
		if !p.health.Healthy() {
			continue
		}
		if t.none() || !t.has(p) {
			return p
		}
		if again == nil {
			again = p
		}
	}
	return again
}

// leastConnections takes the peer with the fewest requests under way for its
// weight, this one counted in; equals take turns.
func (pl *pool) leastConnections(t *Tries) *Peer {
	n := len(pl.peers)
	start := int(pl.next.Add(1)-1) % n
	var best, again *Peer
	var bestLoad, bestWeight int64
	for i := range n {
		p := pl.peers[(start+i)%n]
		if !p.health.Healthy() {
			continue
		}
		if again == nil {
			again = p
		}
		if !t.none() && t.has(p) {
			continue
		}
		l, w := p.load.inflight.Load()+1, int64(p.weight)
		// l/w < bestLoad/bestWeight without division.
		if best == nil || l*bestWeight < bestLoad*w {
			best, bestLoad, bestWeight = p, l, w
		}
	}
	if best == nil {
		return again
	}
	return best
}

// latency takes the better of two peers drawn by chance: the one whose recent
// latency, times the requests under way, over its weight is lower. Two draws
// instead of the best of all keep workers from rushing to the same peer.
func (pl *pool) latency(t *Tries, now time.Time) *Peer {
	a := pl.draw(t, nil)
	if a == nil {
		return nil
	}
	b := pl.draw(t, a)
	if b == nil || a.score(now) <= b.score(now) {
		return a
	}
	return b
}

// draw takes a usable peer by chance other than not; nil if there is none.
// Peers that failed this request are taken only when nothing else is left.
func (pl *pool) draw(t *Tries, not *Peer) *Peer {
	n := len(pl.peers)
	start := rand.IntN(n)
	var again *Peer
	for i := range n {
		p := pl.peers[(start+i)%n]
		if p == not || !p.health.Healthy() {
			continue
		}
		if t.none() || !t.has(p) {
			return p
		}
		if again == nil && not == nil {
			again = p
		}
	}
	return again
}

// score is the expected wait at the peer; lower is better.
func (p *Peer) score(now time.Time) float64 {
	return p.load.ewma.value(now) * float64(p.load.inflight.Load()+1) / float64(p.weight)
}
