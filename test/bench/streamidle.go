package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// runStreamIdle measures resident memory with many L4 sessions that moved one message each and then keep silent, and how they end
// when the gateway drains.
func runStreamIdle(b *bench, args []string) error {
	f := b.flags("stream-idle")
	tcp := f.Int("tcp", 20000, "TCP connections")
	udp := f.Int("udp", 50000, "UDP sessions; each takes a local port of the gateway (net.ipv4.ip_local_port_range)")
	f.Parse(args)
	if most := (b.files - 500) / 2; *tcp > most {
		fmt.Fprintf(os.Stderr, "bench: a process may have %d open files here: %d connections instead of %d\n", b.files, most, *tcp)
		*tcp = most
	}
	if most := b.files - 500; *udp > most {
		fmt.Fprintf(os.Stderr, "bench: a process may have %d open files here: %d UDP sessions instead of %d\n", b.files, most, *udp)
		*udp = most
	}
	upstream, err := b.streamUpstream()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "idle sessions\tnumber\tRSS at start MB\tRSS MB\tKB per session\tall ended after\t\n")
	for _, e := range streamEngines {
		for _, kind := range []string{"tcp", "udp"} {
			if e.name == "haproxy" && kind == "udp" {
				continue
			}
			n := map[string]int{"tcp": *tcp, "udp": *udp}[kind]
			r, err := b.launch(e, -1, upstream)
			if err != nil {
				return err
			}
			before, after, took, err := streamIdle(r, kind, n)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, kind, err)
			}
			fmt.Fprintf(w, "%s %s\t%d\t%.1f\t%.1f\t%.2f\t%v\t\n", e.name, kind, n, float64(before)/1e6, float64(after)/1e6,
				float64(after-before)/1e3/float64(n), took.Round(10*time.Millisecond))
			r.Stop()
		}
	}
	return w.Flush()
}

// streamIdle opens sessions, measures, asks the engine to quit and waits until the clients are told (TCP) or it is gone (UDP).
func streamIdle(r *running, kind string, n int) (before, after int64, took time.Duration, err error) {
	open := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	buf := make([]byte, 10)
	for len(open) < n {
		// Several addresses of the loopback: one has too few ports.
		d := net.Dialer{}
		from := net.IPv4(127, 0, 1, byte(1+len(open)/10000))
		if d.LocalAddr = (&net.TCPAddr{IP: from}); kind == "udp" {
			d.LocalAddr = &net.UDPAddr{IP: from}
		}
		c, err := d.Dial(kind, process.Loopback(r.port))
		if err != nil {
			return 0, 0, 0, err
		}
		open = append(open, c)
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err = c.Write([]byte("cx")); err == nil {
			if kind == "tcp" { // the first byte says what the connection is for
				_, err = io.ReadFull(c, buf[:1])
			} else {
				_, err = c.Read(buf)
			}
		}
		if err != nil {
			return 0, 0, 0, fmt.Errorf("session %d: %w", len(open), err)
		}
		if len(open) == 1 {
			before = r.rss()
		}
	}
	time.Sleep(3 * time.Second)
	after = r.rss()
	began := time.Now()
	if kind == "tcp" {
		for _, c := range open { // the clients leave
			c.Close()
		}
	}
	_ = syscall.Kill(r.PID(), syscall.SIGQUIT)
	select {
	case <-r.Ended():
	case <-time.After(20 * time.Second):
	}
	return before, after, time.Since(began), nil
}
