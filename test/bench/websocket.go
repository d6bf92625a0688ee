package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// webSocketEngines are the proxies of WebSockets.
var webSocketEngines = []engine{
	{name: "nginx", about: "Debian's nginx, a tunnel after the upgrade", conf: "nginx-websocket.conf", command: nginx},
	{name: "gibbon", about: "a ws service without plugins", conf: "kong-websocket.yml", command: gibbon},
	{name: "gibbon+frames", about: "one Lua plugin that sets every frame", conf: "kong-websocket.yml", vars: map[string]string{"plugin": "bench-frames"},
		command: func(b *bench, conf string, port int) (env, command []string) {
			env, command = gibbon(b, conf, port)
			return append(env, "KONG_PLUGINS=bundled,bench-frames"), command
		}},
}

// runWebSocket measures CPU per echoed message of 1 KB.
func runWebSocket(b *bench, args []string) error {
	f := b.flags("websocket")
	rounds := f.Int("rounds", 5, "windows per engine")
	window := f.Duration("window", 2*time.Second, "length of a window")
	clients := f.Int("clients", 64, "connections")
	core := f.Int("core", 0, "the core for the engines; the next one takes load and upstream")
	f.Parse(args)
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("needs two cores: one for the engine, one for load and upstream")
	}
	pin((*core + 1) % runtime.NumCPU())
	upstream, err := b.webSocketUpstream()
	if err != nil {
		return err
	}
	var turns []*running
	for _, e := range webSocketEngines {
		r, err := b.launch(e, *core, upstream)
		if err != nil {
			return err
		}
		turns = append(turns, r)
	}
	seen := map[string][]sample{}
	fl := flow{name: "websocket-1k", unit: "message", per: 1, play: messages, clients: *clients}
	for round := -1; round < *rounds; round++ {
		rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, r := range turns {
			s, err := b.flow(r, fl, *window)
			if err != nil {
				return err
			}
			if round >= 0 {
				seen[r.name()] = append(seen[r.name()], s)
			}
		}
	}
	reportWebSocket(fl, seen)
	return nil
}

// webSocketUpstream answers handshakes, then sends back every frame as a server does, unmasked.
func (b *bench) webSocketUpstream() (int, error) {
	port := b.ports.Take()
	ln, err := net.Listen("tcp", process.Loopback(port))
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = conformance.Serve(c) }()
		}
	}()
	return port, nil
}

// messages echoes texts of 1 KB until stop.
func messages(addr string, stop *atomic.Bool, moved *atomic.Int64) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conformance.Dial(conn, addr, "/", "", nil); err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	out := websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Text, Masked: true, Key: [4]byte{1, 2, 3, 4}}, []byte(strings.Repeat("x", 1024)))
	in := make([]byte, 1024+4)
	for !stop.Load() {
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, in); err != nil {
			return err
		}
		moved.Add(1)
	}
	return nil
}

// reportWebSocket prints medians, and their ratio to nginx's.
func reportWebSocket(f flow, seen map[string][]sample) {
	cpu := func(s sample) float64 { return s.cpu }
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tµs CPU/%s\tfrom\tto\tvs nginx\t%ss/s\t\n", f.name, f.unit, f.unit)
	for _, e := range webSocketEngines {
		s := seen[e.name]
		slices.SortFunc(s, func(a, b sample) int { return cmp.Compare(a.cpu, b.cpu) })
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t\n", e.name, median(s, cpu), s[0].cpu, s[len(s)-1].cpu,
			median(s, cpu)/median(seen["nginx"], cpu), median(s, func(s sample) float64 { return s.rate }))
	}
	w.Flush()
}
