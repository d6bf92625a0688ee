package turn

import (
	"container/heap"
	"math/bits"
	"sort"
	"sync/atomic"
)

// maxWheel bounds the memory of one wheel: turns longer than this are drawn by
// stepping through the weights instead of being written down.
const maxWheel = 1 << 13

// Wheel hands out member indexes 0…n-1 in turn. Its zero value has no members.
// All methods but Resume may be called by several goroutines at once.
type Wheel struct {
	next atomic.Uint64

	order  []uint16 // the written-down turn, nil when too long
	starts []uint64 // else: where each member's share begins
	total  uint64   // length of a full turn
	step   uint64   // stride through a turn that is not written down
}

// New makes a wheel for weights; a weight ≤ 0 never gets a turn. A common
// divisor is taken out first, so weights 200 and 100 make a turn of three.
func New(weights []int) *Wheel {
	w := &Wheel{}
	g := uint64(0)
	for _, v := range weights {
		if v > 0 {
			g = gcd(g, uint64(v))
		}
	}
	if g == 0 {
		return w
	}
	shares := make([]uint64, len(weights))
	for i, v := range weights {
		if v > 0 {
			shares[i] = uint64(v) / g
			w.total += shares[i]
		}
	}
	if w.total <= maxWheel && len(weights) <= 1<<16 {
		w.order = spread(shares, int(w.total))
		return w
	}
	w.starts = make([]uint64, len(shares))
	at := uint64(0)
	for i, s := range shares {
		w.starts[i] = at
		at += s
	}
	w.step = stride(w.total)
	return w
}

// Len is the length of a full turn, 0 without members.
func (w *Wheel) Len() int { return int(w.total) }

// Next draws the next member, -1 when there is none.
func (w *Wheel) Next() int {
	switch w.total {
	case 0:
		return -1
	case 1:
		return w.at(0)
	}
	return w.at((w.next.Add(1) - 1) % w.total)
}

// Resume continues where prev stopped, so that a wheel that was rebuilt (other
// addresses, other weights) does not always begin with its first member.
func (w *Wheel) Resume(prev *Wheel) {
	if prev != nil {
		w.next.Store(prev.next.Load())
	}
}

// at is the member whose turn position n of a full turn is.
func (w *Wheel) at(n uint64) int {
	if w.order != nil {
		return int(w.order[n])
	}
	// step and total have no common divisor: every position of the turn is met
	// exactly once, neighbours in time are far apart in position.
	pos := mulmod(n, w.step, w.total)
	i := sort.Search(len(w.starts), func(i int) bool { return w.starts[i] > pos }) - 1
	return i
}

// mulmod is a*b mod m without overflow.
func mulmod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi%m, lo, m)
	return r
}

// stride is a number near the golden section of n without a common divisor.
func stride(n uint64) uint64 {
	s := uint64(float64(n) * 0.6180339887498949)
	for ; s > 1; s-- {
		if gcd(s, n) == 1 {
			return s
		}
	}
	return 1
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// spread writes a full turn down: each member's turns lie as evenly as they
// can (earliest next deadline first, the lower index first on a tie).
func spread(shares []uint64, total int) []uint16 {
	q := make(queue, 0, len(shares))
	for i, s := range shares {
		if s > 0 {
			q = append(q, entry{due: 1 / (2 * float64(s)), every: 1 / float64(s), member: uint16(i)})
		}
	}
	heap.Init(&q)
	order := make([]uint16, total)
	left := append([]uint64(nil), shares...)
	for n := range order {
		e := &q[0]
		order[n] = e.member
		e.due += e.every
		if left[e.member]--; left[e.member] == 0 {
			heap.Pop(&q)
			continue
		}
		heap.Fix(&q, 0)
	}
	return order
}

// entry is one member that still has turns.
type entry struct {
	due, every float64
	member     uint16
}

type queue []entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].member < q[j].member
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
