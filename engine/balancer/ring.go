package balancer

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
)

// ring is a consistent-hashing ring: each peer has points in proportion to its
// weight, a key belongs to the next point. The points of a peer depend only on
// itself, so other peers' keys stay where they are when one comes or goes.
type ring struct {
	points []point
}

type point struct {
	at   uint64
	peer *Peer
}

// newRing makes a ring of about `slots` points, at least one per peer.
func newRing(peers []*Peer, slots int) *ring {
	total := 0
	for _, p := range peers {
		total += p.weight
	}
	r := &ring{points: make([]point, 0, slots+len(peers))}
	for _, p := range peers {
		n := max(int(int64(slots)*int64(p.weight)/int64(total)), 1)
		base := hashString(hashString(hashInit, p.Name), p.Addr.String())
		for i := range n {
			r.points = append(r.points, point{hashMix(hashString(base, "#"+strconv.Itoa(i))), p})
		}
	}
	slices.SortFunc(r.points, func(a, b point) int {
		// Equal points would make nodes disagree if left to chance.
		return cmp.Or(cmp.Compare(a.at, b.at), a.peer.Addr.Compare(b.peer.Addr))
	})
	return r
}

// pick walks from the key's place to the first healthy peer that has not
// failed this request; when all healthy ones have, the first of them.
func (r *ring) pick(key uint64, t *Tries) *Peer {
	n := len(r.points)
	i := sort.Search(n, func(i int) bool { return r.points[i].at >= key })
	var again, seen *Peer
	for range n {
		if i == n {
			i = 0
		}
		p := r.points[i].peer
		i++
		if p == seen || !p.health.Healthy() {
			continue
		}
		if t.none() || !t.has(p) {
			return p
		}
		seen = p
		if again == nil {
			again = p
		}
	}
	return again
}
