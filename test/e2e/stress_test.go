package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// Clients of all kinds and an upstream that misbehaves at random: every body names its request, so what is mixed up, lost,
// doubled or held back shows; in the end nothing is left. GIBBON_STRESS is for how many seconds (4), GIBBON_STRESS_SEED what
// was logged, and GIBBON_STRESS_RACE=1 has the gateway itself built with the race detector.
func TestStress(t *testing.T) {
	seconds, seed := 4, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("GIBBON_STRESS")); err == nil {
		seconds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("GIBBON_STRESS_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("GIBBON_STRESS_SEED=%d", seed)
	if os.Getenv("GIBBON_STRESS_RACE") != "" {
		raced := filepath.Join(t.TempDir(), "gibbon")
		if out, err := exec.Command("go", "build", "-race", "-o", raced, "github.com/gibbon-gateway/gibbon/cmd/gibbon").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		defer func(b string) { binary = b }(binary)
		binary = raced
	}
	up, echo := stressUpstream(t), rawUpstream(t, func(c net.Conn) { _ = conformance.Serve(c) })
	g := startH2(t, stressConf(up.addr, h2Upstream(t, up), echo), "KONG_UPSTREAM_HTTP2=on", "KONG_PLUGINS=bundled,soak,stress,responder,frames", "KONG_LOG_LEVEL=error",
		"KONG_UPSTREAM_KEEPALIVE_POOL_SIZE=16", "KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT=2", "KONG_NGINX_HTTP_CLIENT_BODY_BUFFER_SIZE=16k", "KONG_MEM_CACHE_SIZE=16m")
	g.stress(t, seed, 0, time.Second) // pools, caches and compiled code are there
	before := g.soaked(t)
	g.stress(t, seed+1, 1<<20, time.Duration(seconds)*time.Second)
	after := g.settled(t, before)
	for i := range after {
		a, b := after[i], before[i]
		t.Logf("before %+v", b)
		t.Logf("after  %+v", a)
		if a.Requests != 1 || a.Waiting != 0 || a.Retired != 0 || a.Goroutines > b.Goroutines+20 || a.fds > b.fds+20 || a.rss > b.rss*5/4+32 {
			t.Errorf("worker %d: more requests, goroutines, descriptors or memory than before", a.Worker)
		}
	}
	for _, line := range strings.Split(g.log()+g.Output(), "\n") {
		if strings.Contains(line, "[crit]") || strings.Contains(line, "[alert]") || strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE") {
			t.Error(line)
		}
	}
}

// settled is soaked once idle connections have been closed and those that end have, or after a while.
func (g *h2gibbon) settled(t *testing.T, before [2]soaked) (after [2]soaked) {
	for range 40 {
		after = g.soaked(t)
		if after[0].fds <= before[0].fds+20 && after[0].Requests == 1 && after[1].Requests == 1 && after[0].Retired == 0 && after[1].Retired == 0 {
			break
		}
	}
	return after
}

// stress has clients of all kinds at work for d. Their requests are numbered from first on.
func (g *h2gibbon) stress(t *testing.T, seed uint64, first uint32, d time.Duration) {
	s := &stresser{t: t, plain: g.addr, secure: g.secure, until: time.Now().Add(d)}
	s.tags.Store(first)
	var wg sync.WaitGroup
	n := uint64(0)
	client := func(f func(*rand.Rand)) {
		n++
		rnd := rand.New(rand.NewPCG(seed, n))
		wg.Go(func() { f(rnd) })
	}
	for range 24 {
		client(s.http1)
	}
	for _, secure := range []bool{false, true} {
		c, base := h2Client(secure), "http://"+g.addr
		if secure {
			base = "https://" + g.secure
		}
		defer c.CloseIdleConnections()
		for range 8 {
			client(func(rnd *rand.Rand) { s.http2(c, base, rnd) })
		}
	}
	for _, path := range []string{"/socket", "/socket", "/socket-seen", "/socket-seen"} {
		client(func(rnd *rand.Rand) { s.sockets(path, rnd) })
	}
	for end := time.Now().Add(d - time.Second); time.Now().Before(end); {
		time.Sleep(700 * time.Millisecond)
		_ = g.Signal(syscall.SIGHUP) // a reload must not be noticed by anybody
	}
	wg.Wait()
	if g.HasEnded() {
		t.Fatal("the gateway has ended")
	}
	t.Logf("%v: %d whole answers, %d broken ones, %d of plugins, %d of the gateway, %d clients went away, %d frames", d,
		s.whole.Load(), s.cut.Load(), s.exits.Load(), s.gateways.Load(), s.left.Load(), s.frames.Load())
}

func stressConf(up, h2, echo string) string {
	b := &strings.Builder{}
	b.WriteString("_format_version: \"3.0\"\nservices:\n")
	for _, s := range []struct {
		path    string
		retries int
		route   string
		plugin  string
	}{
		{"/retries0", 0, "", ""},
		{"/retries5", 5, "", ""},
		{"/streamed", 5, ", request_buffering: false, response_buffering: false", ""},
		{"/lua", 5, "", "stress"},
		{"/lua-streamed", 2, ", request_buffering: false, response_buffering: false", "stress"},
		{"/response", 1, "", "responder"},
		{"/h2", 5, "", ""},
		{"/h2-streamed", 5, ", request_buffering: false, response_buffering: false", "stress"},
		{"/stats", 0, "", "soak"},
	} {
		url := "http://" + up
		if strings.HasPrefix(s.path, "/h2") {
			url = "https://" + h2
		}
		fmt.Fprintf(b, "- name: s%s\n  url: %s\n  retries: %d\n  read_timeout: 4000\n  routes: [{name: r%s, paths: [\"~%s$\"]%s}]\n",
			s.path[1:], url, s.retries, s.path[1:], s.path, s.route)
		if s.plugin != "" {
			fmt.Fprintf(b, "  plugins: [{name: %s}]\n", s.plugin)
		}
	}
	fmt.Fprintf(b, "- name: plain\n  url: ws://%[1]s\n  routes: [{name: plain, protocols: [ws], paths: [\"~/socket$\"]}]\n"+
		"- name: seen\n  url: ws://%[1]s\n  routes: [{name: seen, protocols: [ws], paths: [\"~/socket-seen$\"]}]\n  plugins: [{name: frames}]\n", echo)
	return b.String()
}
