package process

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// A test takes a block of neighbouring ports below the kernel's ephemeral range, where no outgoing connection can take one. The
// first port of a block is held open as a lock that other processes respect too.
const (
	firstPort = 23000
	lastPort  = 31000
	blockSize = 24
)

// Ports hands out the ports of one test.
type Ports struct {
	lock net.Listener
	next int
	end  int
}

// cursor spreads processes over the range, so that they seldom try each other's blocks.
var cursor atomic.Int64

func init() { cursor.Store(int64(os.Getpid() * 7)) }

// TakePorts finds a block of ports that nobody uses, Unix-wide. Release it.
func TakePorts() (*Ports, error) {
	const blocks = (lastPort - firstPort) / blockSize
	for range blocks {
		first := firstPort + int(cursor.Add(1)%blocks)*blockSize
		lock, err := net.Listen("tcp", Loopback(first))
		if err != nil {
			continue
		}
		if allFree(first+1, first+blockSize) {
			return &Ports{lock: lock, next: first + 1, end: first + blockSize}, nil
		}
		lock.Close()
	}
	return nil, fmt.Errorf("no block of %d free ports between %d and %d", blockSize, firstPort, lastPort)
}

// allFree says whether ports can be listened on. Meanwhile no process may be forked: until it runs its program it has copies
// of all descriptors, and a port whose listener is closed here would still be taken.
func allFree(from, to int) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for p := from; p < to; p++ {
		ln, err := net.Listen("tcp", Loopback(p))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

// Loopback is the address of a port on 127.0.0.1.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Take gives the next port of the block that is free still: others may know nothing of blocks. Asking for more than a block
// has is a mistake in the caller: it panics.
func (b *Ports) Take() int {
	for b.next < b.end {
		b.next++
		if allFree(b.next-1, b.next) {
			return b.next - 1
		}
	}
	panic("process: blockSize is too small")
}

// Release gives the block back.
func (b *Ports) Release() { b.lock.Close() }
