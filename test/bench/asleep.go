package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// runAsleep measures what requests that sleep in a Lua handler cost: resident memory beyond that of their connections, and
// what other requests notice of them.
func runAsleep(b *bench, args []string) error {
	f := b.flags("asleep")
	requests := f.Int("requests", 10000, "requests that sleep at once")
	f.Parse(args)
	if most := b.files - 500; *requests > most {
		fmt.Fprintf(os.Stderr, "bench: a process may have %d open files here: %d requests instead of %d\n", b.files, most, *requests)
		*requests = most
	}
	upstream, err := b.upstream(-1)
	if err != nil {
		return err
	}
	e := engine{name: "gibbon+sleep", conf: "kong.yml", vars: map[string]string{"plugin": "bench-sleep"}, command: gibbonLua}
	r, err := b.launch(e, -1, upstream)
	if err != nil {
		return err
	}
	open := make([]net.Conn, *requests)
	for i := range open {
		if open[i], err = net.Dial("tcp", process.Loopback(r.port)); err != nil {
			return err
		}
		defer open[i].Close()
		if err := ask(open[i], ""); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second)
	idle := r.rss()
	quiet, err := latencies(r)
	if err != nil {
		return err
	}
	const seconds = 20
	began := time.Now()
	for _, c := range open {
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: bench\r\nX-Sleep: %d\r\n\r\n", seconds); err != nil {
			return err
		}
	}
	time.Sleep(5 * time.Second)
	asleep := r.rss()
	busy, err := latencies(r)
	if err != nil {
		return err
	}
	if time.Since(began) > seconds*time.Second {
		return fmt.Errorf("the machine is too slow: the first requests woke up before the measurement was over")
	}
	fmt.Printf("%d requests asleep: %.1f MB more than their idle connections (%.2f KB each)\n", *requests, float64(asleep-idle)/1e6,
		float64(asleep-idle)/1e3/float64(*requests))
	fmt.Printf("latency of other requests: p50 %v p99 %v before, p50 %v p99 %v meanwhile\n", quiet[0], quiet[1], busy[0], busy[1])
	return nil
}

// latencies are the median and the 99th percentile of requests one after another.
func latencies(r *running) (l [2]time.Duration, err error) {
	c, err := net.Dial("tcp", process.Loopback(r.port))
	if err != nil {
		return l, err
	}
	defer c.Close()
	took := make([]time.Duration, 5000)
	for i := range took {
		began := time.Now()
		if err := ask(c, ""); err != nil {
			return l, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return [2]time.Duration{took[len(took)/2], took[len(took)*99/100]}, nil
}
