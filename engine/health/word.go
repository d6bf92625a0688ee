package health

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// The state of an address is one word, so that a report is one compare and
// swap: bit 63 is "unhealthy", below it four counters of 12 bits each (the
// thresholds end at 255).
const (
	downBit uint64 = 1 << 63

	counterBits = 12
	counterMax  = 1<<counterBits - 1

	successShift = 0
	httpShift    = counterBits
	tcpShift     = 2 * counterBits
	timeoutShift = 3 * counterBits

	successMask  uint64 = counterMax << successShift
	failuresMask uint64 = counterMax<<httpShift | counterMax<<tcpShift | counterMax<<timeoutShift
)

// rules are the thresholds and status lists of active or of passive checks.
type rules struct {
	off bool // no threshold is set: reports change nothing
	// connections: checks of the type tcp, which take any answer for a success: a connection was made.
	connections bool

	successes, httpFailures, tcpFailures, timeouts uint64

	healthy, unhealthy statusSet
}

// statusSet holds status codes 0–1023.
type statusSet [16]uint64

func (s *statusSet) has(code int) bool {
	return uint(code) < 1024 && s[uint(code)/64]&(1<<(uint(code)%64)) != 0
}

func statuses(list []int) (s statusSet) {
	for _, c := range list {
		if uint(c) < 1024 {
			s[c/64] |= 1 << (uint(c) % 64)
		}
	}
	return s
}

func newRules(kind string, h entity.Healthy, u entity.Unhealthy) rules {
	r := rules{
		connections:  kind == "tcp",
		successes:    uint64(h.Successes),
		httpFailures: uint64(u.HTTPFailures),
		tcpFailures:  uint64(u.TCPFailures),
		timeouts:     uint64(u.Timeouts),
		healthy:      statuses(h.HTTPStatuses),
		unhealthy:    statuses(u.HTTPStatuses),
	}
	r.off = r.successes == 0 && r.httpFailures == 0 && r.tcpFailures == 0 && r.timeouts == 0
	return r
}

// next is the word after one observation. A success clears the failures, a
// failure clears the successes; a threshold of 0 counts nothing; an answer in
// neither list is no observation.
func (r *rules) next(w uint64, status int, f Failure) uint64 {
	switch f {
	case TCPFailure:
		return fail(w, r.tcpFailures, tcpShift)
	case TimeoutFailure:
		return fail(w, r.timeouts, timeoutShift)
	}
	switch {
	case r.connections || r.healthy.has(status):
		return r.success(w)
	case r.unhealthy.has(status):
		return fail(w, r.httpFailures, httpShift)
	}
	return w
}

// success counts a success. A healthy address with no failures behind it has
// nothing to count.
func (r *rules) success(w uint64) uint64 {
	if r.successes == 0 {
		return w
	}
	w &^= failuresMask
	if w&downBit == 0 {
		return w &^ successMask
	}
	if n := w&successMask>>successShift + 1; n < r.successes {
		return w&^successMask | n<<successShift
	}
	return 0
}

// fail counts a failure of one kind. An unhealthy address stays so.
func fail(w, limit uint64, shift uint) uint64 {
	if limit == 0 {
		return w
	}
	w &^= successMask
	if w&downBit != 0 {
		return w
	}
	mask := uint64(counterMax) << shift
	n := w&mask>>shift + 1
	if n >= limit {
		return downBit
	}
	return w&^mask | n<<shift
}

// reason says for the log what made the difference.
func reason(r *rules, w uint64, status int, f Failure) string {
	switch {
	case w&downBit == 0:
		return fmt.Sprintf("%d successes", r.successes)
	case f == TCPFailure:
		return fmt.Sprintf("%d TCP failures", r.tcpFailures)
	case f == TimeoutFailure:
		return fmt.Sprintf("%d timeouts", r.timeouts)
	}
	return fmt.Sprintf("%d HTTP failures, the last of status %d", r.httpFailures, status)
}
