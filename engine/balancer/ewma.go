package balancer

import (
	"math"
	"sync/atomic"
	"time"
)

// decay is the time in which an observation's weight falls to 1/e.
const decay = 10 * time.Second

// ewma is an exponentially weighted moving average of latencies. Both words
// are written without a common lock: a race blends two observations a little
// differently, no more.
type ewma struct {
	bits atomic.Uint64 // float64 seconds
	at   atomic.Int64  // Unix nanoseconds of the last observation
}

// observe adds a latency. What is older weighs the less the longer ago it was.
func (e *ewma) observe(d time.Duration, now time.Time) {
	at := now.UnixNano()
	prev := e.at.Swap(at)
	x := d.Seconds()
	if prev != 0 {
		w := weightAfter(at - prev)
		x = math.Float64frombits(e.bits.Load())*w + x*(1-w)
	}
	e.bits.Store(math.Float64bits(x))
}

// value is the average of now: without news it falls, so that a peer that was
// slow once is tried again. A peer without any observation has 0 and is tried
// first.
func (e *ewma) value(now time.Time) float64 {
	at := e.at.Load()
	if at == 0 {
		return 0
	}
	return math.Float64frombits(e.bits.Load()) * weightAfter(now.UnixNano()-at)
}

func weightAfter(ns int64) float64 {
	return math.Exp(-float64(max(ns, 0)) / float64(decay))
}
