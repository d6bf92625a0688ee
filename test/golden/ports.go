package golden

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// A case takes a block of neighbouring ports below the kernel's ephemeral range, where no outgoing connection can
// take one. The first port of a block is held open as a lock that other processes respect too.
const (
	firstPort = 23000
	lastPort  = 31000
	blockSize = 24
)

// portBlock hands out the ports of one case.
type portBlock struct {
	lock net.Listener
	next int
	end  int
}

// blockCursor spreads processes over the range, so that they seldom try each other's blocks.
var blockCursor atomic.Int64

func init() { blockCursor.Store(int64(os.Getpid() * 7)) }

func takePorts() (*portBlock, error) {
	const blocks = (lastPort - firstPort) / blockSize
	for range blocks {
		first := firstPort + int(blockCursor.Add(1)%blocks)*blockSize
		lock, err := net.Listen("tcp", loopback(first))
		if err != nil {
			continue
		}
		if allFree(first+1, first+blockSize) {
			return &portBlock{lock: lock, next: first + 1, end: first + blockSize}, nil
		}
		lock.Close()
	}
	return nil, fmt.Errorf("no block of %d free ports between %d and %d", blockSize, firstPort, lastPort)
}

func allFree(from, to int) bool {
	for p := from; p < to; p++ {
		ln, err := net.Listen("tcp", loopback(p))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// take gives the next port of the block; asking for too many is a mistake in this package.
func (b *portBlock) take() int {
	if b.next >= b.end {
		panic("golden: blockSize is too small")
	}
	b.next++
	return b.next - 1
}

func (b *portBlock) release() { b.lock.Close() }

func portOf(a net.Addr) string {
	_, p, _ := net.SplitHostPort(a.String())
	return p
}
