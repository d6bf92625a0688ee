package process

import (
	"net"
	"os/exec"
	"testing"
	"time"
)

// A port that was found free can be listened on, also while other goroutines start processes: a child has copies of all
// descriptors until it runs its program, and a socket that one of them holds is still open.
func TestFreePortStaysFreeWhileProcessesStart(t *testing.T) {
	ports, err := TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Release()
	stop := make(chan struct{})
	defer close(stop)
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		}()
	}
	tried := 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		for p := ports.next; p < ports.end; p++ {
			if !allFree(p, p+1) {
				continue // a child has the listener from below
			}
			ln, err := net.Listen("tcp", Loopback(p))
			if err != nil {
				t.Fatalf("after %d: %v", tried, err)
			}
			ln.Close()
			tried++
		}
	}
	t.Logf("%d ports", tried)
}
