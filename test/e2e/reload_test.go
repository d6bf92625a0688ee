package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Connections live through reloads, and every request gets its answer.
func TestReloadUnderLoad(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }))
	g := start(t, everythingTo(up))
	stop := make(chan struct{})
	var served atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c, err := net.Dial("tcp", g.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := oneGet(c, r); err != nil {
					t.Errorf("after %d requests in all: %v", served.Load(), err)
					return
				}
				served.Add(1)
			}
		})
	}
	for n := range 5 {
		time.Sleep(100 * time.Millisecond)
		g.configure(t, everythingTo(up, fmt.Sprintf("  - name: r%d\n    paths: [/%d]\n", n, n)))
		if err := g.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	wg.Wait()
	if served.Load() == 0 || g.HasEnded() {
		t.Errorf("%d requests served, ended: %v", served.Load(), g.HasEnded())
	}
}

func oneGet(c net.Conn, r *bufio.Reader) error {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A reload brings the new file into force; a broken file is refused and the old configuration stays.
func TestReloadChanges(t *testing.T) {
	first := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("first")) }))
	second := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("second")) }))
	g := start(t, everythingTo(first))
	c := client()
	expect := func(want string) {
		t.Helper()
		var body string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if _, body = get(t, c, "http://"+g.addr+"/"); body == want {
				return
			}
		}
		t.Errorf("got %q, want %q", body, want)
	}
	expect("first")
	g.configure(t, everythingTo(second))
	g.Signal(syscall.SIGHUP)
	expect("second")
	g.configure(t, "_format_version: \"3.0\"\nservices:\n- name: [broken\n")
	g.Signal(syscall.SIGHUP)
	time.Sleep(500 * time.Millisecond)
	expect("second")
	if g.HasEnded() {
		t.Error("a broken file ended the gateway")
	}
	g.configure(t, everythingTo(first))
	g.Signal(syscall.SIGHUP)
	expect("first")
}

// SIGQUIT lets requests in flight end; new connections are refused.
func TestQuitDrains(t *testing.T) {
	arrived := make(chan struct{})
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		time.Sleep(time.Second)
		w.Write([]byte("late"))
	}))
	g := start(t, everythingTo(up))
	answer := make(chan string, 1)
	go func() {
		_, body := get(t, client(), "http://"+g.addr+"/")
		answer <- body
	}()
	<-arrived
	if err := g.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-answer:
		if got != "late" {
			t.Errorf("got %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
	}
	select {
	case <-g.Ended():
		if s := g.ExitStatus(); s != 0 {
			t.Errorf("exit status %d", s)
		}
	case <-time.After(10 * time.Second):
		t.Error("the gateway did not end after its last request")
	}
	if c, err := net.Dial("tcp", g.addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
