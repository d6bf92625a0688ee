package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// streamEngines are the L4 proxies.
var streamEngines = []engine{
	{name: "nginx", about: "Debian's nginx, stream module", conf: "nginx-stream.conf", command: nginx},
	{name: "haproxy", about: "Debian's HAProxy, mode tcp with splice", conf: "haproxy-stream.cfg", command: haproxy},
	{name: "gibbon", about: "a plain tcp and udp route", conf: "kong-stream.yml", command: gibbonStream},
}

func gibbonStream(b *bench, conf string, port int) (env, command []string) {
	env, command = gibbon(b, conf, b.ports.Take())
	at := process.Loopback(port)
	return append(env, "KONG_STREAM_LISTEN="+at+" backlog=4096, "+at+" udp", "KONG_PROXY_STREAM_ACCESS_LOG=off"), command
}

// flow is one kind of L4 traffic. What comes back is counted in units: bytes, or messages.
type flow struct {
	name string
	unit string
	per  float64 // units that the report counts by
	udp  bool
	// play runs one client until stop and adds what it moved.
	play    func(addr string, stop *atomic.Bool, moved *atomic.Int64) error
	clients int
}

var flows = []flow{
	{"tcp-download-4", "MB", 1e6, false, download, 4},
	{"tcp-upload-4", "MB", 1e6, false, upload, 4},
	{"tcp-chat-64", "message", 1, false, chat, 64},
	{"tcp-connect-16", "connection", 1, false, connects, 16},
	{"udp-echo-64", "datagram", 1, true, echoes, 64},
}

// runStream measures CPU per MB, message and datagram of L4 proxies.
func runStream(b *bench, args []string) error {
	f := b.flags("stream")
	rounds := f.Int("rounds", 5, "windows per engine and case")
	window := f.Duration("window", 2*time.Second, "length of a window")
	cases := f.String("cases", "", "comma-separated `names`: "+flowNames())
	core := f.Int("core", 0, "the core for the engines; the next one takes load and upstream")
	f.Parse(args)
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("needs two cores: one for the engine, one for load and upstream")
	}
	pin((*core + 1) % runtime.NumCPU())
	upstream, err := b.streamUpstream()
	if err != nil {
		return err
	}
	type turn struct {
		r *running
		f flow
	}
	var turns []turn
	for _, e := range streamEngines {
		r, err := b.launch(e, *core, upstream)
		if err != nil {
			return err
		}
		for _, fl := range flows {
			if fl.udp && e.name == "haproxy" || *cases != "" && !slices.Contains(strings.Split(*cases, ","), fl.name) {
				continue
			}
			turns = append(turns, turn{r, fl})
		}
	}
	seen := map[string][]sample{}
	for round := -1; round < *rounds; round++ {
		rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, t := range turns {
			s, err := b.flow(t.r, t.f, *window)
			if err != nil {
				return err
			}
			if round >= 0 {
				seen[t.f.name+" "+t.r.name()] = append(seen[t.f.name+" "+t.r.name()], s)
			}
		}
		if round >= 0 {
			fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", round+1, *rounds)
		}
	}
	reportStream(seen)
	return nil
}

func flowNames() string {
	var names []string
	for _, f := range flows {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// pin keeps this process, its load and its upstream, on one core.
func pin(core int) {
	var set unix.CPUSet
	set.Set(core)
	tasks, _ := filepath.Glob("/proc/self/task/*")
	for _, t := range tasks {
		if tid, err := strconv.Atoi(filepath.Base(t)); err == nil {
			_ = unix.SchedSetaffinity(tid, &set)
		}
	}
}

// flow lets clients play for a window and books the engine's CPU time on what they moved.
func (b *bench) flow(r *running, f flow, window time.Duration) (sample, error) {
	if r.HasEnded() {
		return sample{}, fmt.Errorf("%s ended:\n%s", r.name(), r.Output())
	}
	var stop atomic.Bool
	var moved atomic.Int64
	var wait sync.WaitGroup
	errs := make(chan error, f.clients)
	u0, s0 := r.cpu()
	began := time.Now()
	for range f.clients {
		wait.Go(func() {
			if err := f.play(process.Loopback(r.port), &stop, &moved); err != nil {
				errs <- err
			}
		})
	}
	time.Sleep(window)
	stop.Store(true)
	wait.Wait()
	took := time.Since(began)
	u1, s1 := r.cpu()
	select {
	case err := <-errs:
		return sample{}, fmt.Errorf("%s, %s: %w", r.name(), f.name, err)
	default:
	}
	n := float64(moved.Load()) / f.per
	if n == 0 {
		return sample{}, fmt.Errorf("%s, %s: nothing moved", r.name(), f.name)
	}
	return sample{requests: int(n), cpu: float64((u1+s1)-(u0+s0)) / float64(time.Microsecond) / n, rate: n / took.Seconds()}, nil
}

// streamUpstream is what all engines proxy to: the first byte of a TCP connection says what it is for.
func (b *bench) streamUpstream() (int, error) {
	port := b.ports.Take()
	ln, err := net.Listen("tcp", process.Loopback(port))
	if err != nil {
		return 0, err
	}
	pc, err := net.ListenPacket("udp", process.Loopback(port))
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serveTCP(c)
		}
	}()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := pc.(*net.UDPConn).ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			pc.(*net.UDPConn).WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return port, nil
}

var block = make([]byte, 256<<10)

func serveTCP(c net.Conn) {
	defer c.Close()
	kind := make([]byte, 1)
	if _, err := io.ReadFull(c, kind); err != nil {
		return
	}
	switch kind[0] {
	case 'd':
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	case 'u':
		buf := make([]byte, 256<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	default:
		buf := make([]byte, 2048)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

func dialFlow(network, addr, hello string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	if err == nil && hello != "" {
		_, err = c.Write([]byte(hello))
	}
	return c, err
}

func download(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	c, err := dialFlow("tcp", addr, "d")
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 256<<10)
	for !stop.Load() {
		n, err := c.Read(buf)
		moved.Add(int64(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func upload(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	c, err := dialFlow("tcp", addr, "u")
	if err != nil {
		return err
	}
	defer c.Close()
	for !stop.Load() {
		n, err := c.Write(block)
		moved.Add(int64(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func chat(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	c, err := dialFlow("tcp", addr, "c")
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 100)
	for !stop.Load() {
		if _, err := c.Write(block[:100]); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		moved.Add(1)
	}
	return nil
}

func connects(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	buf := make([]byte, 10)
	for !stop.Load() {
		c, err := dialFlow("tcp", addr, "chello")
		if err != nil {
			return err
		}
		_, err = io.ReadFull(c, buf[:5])
		c.(*net.TCPConn).SetLinger(0) // no ports in TIME_WAIT
		c.Close()
		if err != nil {
			return err
		}
		moved.Add(1)
	}
	return nil
}

func echoes(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	c, err := dialFlow("udp", addr, "")
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 2048)
	c.SetReadDeadline(time.Now().Add(time.Minute))
	for lost := 0; !stop.Load(); {
		if _, err := c.Write(block[:100]); err != nil {
			return err
		}
		if _, err := c.Read(buf); err != nil {
			if lost++; lost > 10 {
				return err
			}
			continue
		}
		moved.Add(1)
	}
	return nil
}

// reportStream prints medians by case, and their ratio to the peers'.
func reportStream(seen map[string][]sample) {
	cpu := func(s sample) float64 { return s.cpu }
	for _, f := range flows {
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\tµs CPU/%s\tfrom\tto\tvs nginx\tvs haproxy\t%ss/s\t\n", f.name, f.unit, f.unit)
		rows := 0
		for _, e := range streamEngines {
			s := seen[f.name+" "+e.name]
			if len(s) == 0 {
				continue
			}
			rows++
			against := func(name string) string {
				if o := seen[f.name+" "+name]; len(o) > 0 {
					return fmt.Sprintf("%.2f", median(s, cpu)/median(o, cpu))
				}
				return "-"
			}
			slices.SortFunc(s, func(a, b sample) int { return cmp.Compare(a.cpu, b.cpu) })
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\t%s\t%.0f\t\n", e.name, median(s, cpu), s[0].cpu, s[len(s)-1].cpu,
				against("nginx"), against("haproxy"), median(s, func(s sample) float64 { return s.rate }))
		}
		if rows > 0 {
			w.Flush()
			fmt.Println()
		}
	}
}
