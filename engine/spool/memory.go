package spool

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Buffers come in powers of two from 4 KB to 1 MB; bigger ones are not pooled.
const (
	smallest = 12
	largest  = 20
)

// They hold a buffer's first byte, since a pointer goes into a pool without an allocation.
var pools [largest - smallest + 1]sync.Pool

// budget is what all Spools of the process together may hold in memory.
var budget, used atomic.Int64

func init() { budget.Store(256 << 20) }

// SetBudget bounds the memory of all Spools of the process, in bytes (256 MB
// until set). Bodies that come when it is used up go to files at once.
func SetBudget(n int64) { budget.Store(n) }

// MemoryUsed is what the Spools of the process hold in memory now, in bytes.
func MemoryUsed() int64 { return used.Load() }

// BudgetError says that a body does not fit into the memory for bodies.
type BudgetError struct {
	// Size is what was wanted, Used what bodies hold, Budget what they may, in bytes.
	Size, Used, Budget int64
}

// Error implements error.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("a body of %d bytes does not fit into the memory for bodies: %d of %d bytes are in use", e.Size, e.Used, e.Budget)
}

// borrow takes n bytes of the budget.
func borrow(n int64) error {
	if now, all := used.Add(n), budget.Load(); now > all {
		used.Add(-n)
		return &BudgetError{Size: n, Used: now - n, Budget: all}
	}
	return nil
}

// grow makes room for n more bytes in s.mem; false when the budget is used up.
func (s *Spool) grow(n int) bool {
	need := len(s.mem) + n
	if need <= cap(s.mem) {
		return true
	}
	class := max(bits.Len(uint(need-1)), smallest)
	size := 1 << class
	if borrow(int64(size)) != nil {
		return false
	}
	next := take(class)
	next = append(next, s.mem...)
	s.free()
	s.mem = next
	return true
}

// take is an empty buffer of 1<<class bytes.
func take(class int) []byte {
	if class <= largest {
		if b, ok := pools[class-smallest].Get().(*byte); ok {
			return unsafe.Slice(b, 1<<class)[:0]
		}
	}
	return make([]byte, 0, 1<<class)
}

// free gives s.mem back.
func (s *Spool) free() {
	if s.mem == nil {
		return
	}
	size := cap(s.mem)
	used.Add(-int64(size))
	if class := bits.Len(uint(size)) - 1; class <= largest {
		pools[class-smallest].Put(unsafe.SliceData(s.mem))
	}
	s.mem = nil
}
