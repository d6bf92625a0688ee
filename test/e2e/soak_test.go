package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a request may ask the soak plugin for, and the status that comes of it; 0: the connection may end without one.
var soakWays = []struct {
	how    string
	status int
}{
	{"", 200}, {"wait", 200}, {"wait in pcall", 200}, {"wait in a coroutine", 200}, {"read the body", 200}, {"threads", 200},
	{"thread left alone", 200}, {"timer", 200}, {"coroutine left alone", 200}, {"garbage", 200}, {"fail", 500}, {"fail at once", 500},
	{"fail in a coroutine", 500}, {"answer", 418}, {"answer in pcall", 418}, {"answer in a coroutine", 418},
	{"answer in a thread", 418}, {"fail in header_filter", 0}, {"fail in body_filter", 0}, {"fail in log", 200},
}

// soaked is what the gateway holds at a moment.
type soaked struct {
	Worker, Threads, Requests, Waiting, Timers, Goroutines, Retired, Mixed int
	Heap                                                                   float64
	fds, rss                                                               int // of the process; rss in MB
}

// Plugins that wait, fail and answer at random on 64 connections, some of which go away, leave nothing behind:
// GIBBON_SOAK=1000000 is the full number of requests.
func TestSoakLua(t *testing.T) {
	total := 20000
	if n, err := strconv.Atoi(os.Getenv("GIBBON_SOAK")); err == nil {
		total = n
	}
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write([]byte("ok"))
	}))
	g := start(t, everythingTo(up, "    plugins:", "    - name: soak", ""), "KONG_PLUGINS=soak", "KONG_LOG_LEVEL=crit", "KONG_UPSTREAM_KEEPALIVE_POOL_SIZE=256")
	g.soak(t, total/5) // pools, caches and compiled code are there
	before := g.soaked(t)
	began := time.Now()
	g.soak(t, total-total/5)
	took := time.Since(began)
	after := g.soaked(t)
	t.Logf("%d requests, %.0f/s", total, float64(total-total/5)/took.Seconds())
	for i := range after {
		a, b := after[i], before[i]
		t.Logf("before %+v", b)
		t.Logf("after  %+v", a)
		if a.Threads != 1 || a.Requests != 1 || a.Waiting != 0 || a.Timers != 0 || a.Retired != 0 {
			t.Errorf("worker %d still holds threads, requests or timers", a.Worker)
		}
		if a.Mixed != 0 {
			t.Errorf("worker %d: %d requests saw another one's context", a.Worker, a.Mixed)
		}
		if a.Goroutines > b.Goroutines+20 || a.fds > b.fds+20 || a.Heap > b.Heap*1.2+1e6 || a.rss > b.rss*5/4+24 {
			t.Errorf("worker %d: more goroutines, descriptors or memory than before", a.Worker)
		}
	}
}

// soak sends n requests on 64 connections.
func (g *gibbon) soak(t *testing.T, n int) {
	t.Helper()
	var next, closed atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(64) {
		wg.Go(func() {
			c := &soaker{addr: g.addr, rnd: rand.New(rand.NewPCG(seed, 1))}
			defer c.close()
			for id := next.Add(1); id <= int64(n); id = next.Add(1) {
				if err := c.request(id); err != nil {
					t.Errorf("request %d: %v", id, err)
					return
				}
			}
			closed.Add(int64(c.dropped))
		})
	}
	wg.Wait()
	if g.HasEnded() {
		t.Fatal("the gateway has ended")
	}
}

// soaker is one client.
type soaker struct {
	addr    string
	rnd     *rand.Rand
	c       net.Conn
	r       *bufio.Reader
	dropped int // connections that it left with a request under way
}

func (s *soaker) close() {
	if s.c != nil {
		s.c.Close()
		s.c = nil
	}
}

// request sends one request and looks at its answer; one in a hundred does not wait for it.
func (s *soaker) request(id int64) error {
	if s.c == nil {
		c, err := net.DialTimeout("tcp", s.addr, 20*time.Second)
		if err != nil {
			return err
		}
		s.c, s.r = c, bufio.NewReader(c)
	}
	w := soakWays[s.rnd.IntN(len(soakWays))]
	s.c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := fmt.Fprintf(s.c, "POST /x HTTP/1.1\r\nHost: soak\r\nX-How: %s\r\nX-Id: %d\r\nContent-Length: 5\r\n\r\nhello", w.how, id); err != nil {
		return err
	}
	if s.rnd.IntN(100) == 0 {
		s.dropped++
		s.close()
		return nil
	}
	resp, err := http.ReadResponse(s.r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if w.status == 0 {
		if err != nil || resp.Close {
			s.close()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%q: %w", w.how, err)
	}
	if resp.StatusCode != w.status {
		return fmt.Errorf("%q: status %d, want %d", w.how, resp.StatusCode, w.status)
	}
	if got := resp.Header.Get("X-Id"); got != strconv.FormatInt(id, 10) {
		return fmt.Errorf("%q: the answer to request %q", w.how, got)
	}
	if resp.Close {
		s.close()
	}
	return nil
}

// soaked asks both workers what they hold, once nothing is under way.
func (g *gibbon) soaked(t *testing.T) [2]soaked {
	t.Helper()
	time.Sleep(500 * time.Millisecond)
	var all [2]soaked
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + g.addr + "/stats")
		if err != nil {
			t.Fatal(err)
		}
		var s soaked
		err = json.NewDecoder(resp.Body).Decode(&s)
		resp.Body.Close()
		if err != nil || s.Worker > 1 {
			t.Fatalf("%v, worker %d", err, s.Worker)
		}
		s.fds, s.rss = g.process(t)
		all[s.Worker] = s
		if all[0].Threads > 0 && all[1].Threads > 0 {
			return all
		}
	}
	t.Fatal("one worker does not get connections")
	return all
}

// process is how many descriptors are open, and the resident memory in MB.
func (g *gibbon) process(t *testing.T) (fds, rss int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", g.PID())
	list, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(dir + "statm")
	if f := strings.Fields(string(b)); len(f) > 1 {
		rss, _ = strconv.Atoi(f[1])
	}
	return len(list), rss * os.Getpagesize() >> 20
}
