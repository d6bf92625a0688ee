package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// runIdle measures resident memory with many keep-alive connections that each had one request and wait for the next.
func runIdle(b *bench, args []string) error {
	f := b.flags("idle")
	names := f.String("engines", "nginx,haproxy,gibbon", "comma-separated `names`: "+engineNames())
	connections := f.Int("connections", 20000, "idle connections")
	f.Parse(args)
	if most := b.files - 500; *connections > most {
		fmt.Fprintf(os.Stderr, "bench: a process may have %d open files here: %d connections instead of %d\n", b.files, most, *connections)
		*connections = most
	}
	picked, err := b.pick(*names)
	if err != nil {
		return err
	}
	upstream, err := b.upstream(-1)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "idle connections: %d\tRSS at start MB\tRSS MB\tKB per connection\t\n", *connections)
	for _, e := range picked {
		r, err := b.launch(e, -1, upstream)
		if err != nil {
			return err
		}
		before, after, err := idle(r, *connections)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t\n", e.name, float64(before)/1e6, float64(after)/1e6,
			float64(after-before)/1e3/float64(*connections))
		r.Stop()
	}
	return w.Flush()
}

func idle(r *running, n int) (before, after int64, err error) {
	open := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for len(open) < n {
		c, err := net.Dial("tcp", process.Loopback(r.port))
		if err != nil {
			return 0, 0, err
		}
		open = append(open, c)
		if err := ask(c, r.header); err != nil {
			return 0, 0, fmt.Errorf("connection %d: %w", len(open), err)
		}
		if len(open) == 1 {
			before = r.rss()
		}
	}
	time.Sleep(3 * time.Second) // collectors and pools come to rest
	return before, r.rss(), nil
}

// ask sends one request and reads the answer to its end; the connection stays open.
func ask(c net.Conn, header string) error {
	if header != "" {
		header += "\r\n"
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	defer c.SetDeadline(time.Time{}) // the connection serves on, much later
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: bench\r\n%s\r\n", header); err != nil {
		return err
	}
	// A small buffer: it lives only here, the answer fits, and nothing follows it.
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 1024), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return discard(resp)
}
