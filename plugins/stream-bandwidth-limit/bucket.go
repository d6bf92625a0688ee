package streambandwidthlimit

import (
	"sync/atomic"
	"time"
)

// bucket is a leaky bucket that is one number: the time at which it will be
// empty (the generic cell rate algorithm). Workers share it without a lock.
type bucket struct {
	empty atomic.Int64 // nanoseconds since the epoch
	rate  float64      // bytes per nanosecond, 0 = no limit
	burst float64      // in bytes
	// least is what is worth waking for, in bytes.
	least int
}

// wakes is how often a second a paced session is woken at most.
const wakes = 50

func newBucket(rate, burst int64) bucket {
	return bucket{rate: float64(rate) / 1e9, burst: float64(burst), least: int(max(min(burst, rate/wakes), 1))}
}

// allow says how much of want may pass now, or when to ask again.
func (b *bucket) allow(want int, now int64) (int, time.Duration) {
	if b.rate == 0 {
		return want, 0
	}
	room := b.burst
	if ahead := b.empty.Load() - now; ahead > 0 {
		room -= float64(ahead) * b.rate
	}
	need := min(want, b.least)
	if room >= float64(need) {
		return min(want, int(room)), 0
	}
	return 0, time.Duration((float64(need)-room)/b.rate) + 1
}

// take notes n bytes that passed.
func (b *bucket) take(n int, now int64) {
	if b.rate == 0 {
		return
	}
	cost := int64(float64(n) / b.rate)
	for {
		old := b.empty.Load()
		if b.empty.CompareAndSwap(old, max(old, now)+cost) {
			return
		}
	}
}

func (b *bucket) idle(now int64) bool { return b.empty.Load() <= now }
