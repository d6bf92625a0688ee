package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// load is one kind of traffic.
type load struct {
	name        string
	connections int
	path        string
	post        int // bytes of a request body; 0: GET
	streams     int // of HTTP/2 at a time on each connection; 0: HTTP/1.1
	tls         bool
}

var loads = []load{
	{name: "100b-64", connections: 64, path: "/"},
	{name: "100b-512", connections: 512, path: "/"},
	{name: "10k-64", connections: 64, path: "/10k"},
	{name: "10k-512", connections: 512, path: "/10k"},
	{name: "post1k-64", connections: 64, path: "/", post: 1024},
	{name: "post1k-512", connections: 512, path: "/", post: 1024},
	{name: "h2-8x32", connections: 8, path: "/", streams: 32},
	{name: "tls-64", connections: 64, path: "/", tls: true},
	{name: "tls-10k-64", connections: 64, path: "/10k", tls: true},
}

// sample is what one window showed.
type sample struct {
	requests int
	cpu      float64 // µs per request
	rate     float64 // requests per second
	p50, p99 string
	problems string
}

// runCPU measures CPU per request, every engine and load in random order, rounds times.
func runCPU(b *bench, args []string) error {
	f := b.flags("cpu")
	names := f.String("engines", "", "comma-separated `names`: "+engineNames())
	cases := f.String("cases", "", "comma-separated `names`: "+loadNames())
	rounds := f.Int("rounds", 5, "windows per engine and case")
	window := f.Duration("window", 2*time.Second, "length of a window, whole seconds")
	core := f.Int("core", 0, "the core for the engines; the next one takes load and upstream")
	f.Parse(args)
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("needs two cores: one for the engine, one for load and upstream")
	}
	picked, err := b.pick(*names)
	if err != nil {
		return err
	}
	other := (*core + 1) % runtime.NumCPU()
	upstream, err := b.upstream(other)
	if err != nil {
		return err
	}
	var all []*running
	for _, e := range picked {
		r, err := b.launch(e, *core, upstream)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	type turn struct {
		r *running
		l load
	}
	var turns []turn
	for _, r := range all {
		for _, l := range loads {
			if (l.streams > 0) != (r.engine.vars["h2"] != "") || l.tls != (r.engine.vars["tls"] != "") {
				continue
			}
			if *cases == "" || slices.Contains(strings.Split(*cases, ","), l.name) {
				turns = append(turns, turn{r, l})
			}
		}
	}
	if len(turns) == 0 {
		return fmt.Errorf("nothing to measure: cases are %s", loadNames())
	}
	seen := map[string][]sample{}
	for round := -1; round < *rounds; round++ { // round -1 warms up pools and caches
		rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, t := range turns {
			length := *window
			if round < 0 {
				length = time.Second
			}
			s, err := b.measure(t.r, t.l, other, length)
			if err != nil {
				return err
			}
			if round >= 0 {
				seen[t.l.name+" "+t.r.name()] = append(seen[t.l.name+" "+t.r.name()], s)
			}
		}
		if round >= 0 {
			fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", round+1, *rounds)
		}
	}
	report(all, seen)
	return nil
}

func (r *running) name() string { return r.engine.name }

func loadNames() string {
	var names []string
	for _, l := range loads {
		names = append(names, l.name)
	}
	return strings.Join(names, ", ")
}

// measure lets wrk, or h2load, run for a window and books the engine's CPU time on the requests that were answered.
func (b *bench) measure(r *running, l load, core int, window time.Duration) (sample, error) {
	if r.HasEnded() {
		return sample{}, fmt.Errorf("%s ended:\n%s", r.name(), r.Output())
	}
	u0, s0 := r.cpu()
	run := b.wrk
	if l.streams > 0 {
		run = b.h2load
	}
	s, err := run(r, l, core, window)
	if err != nil {
		return sample{}, fmt.Errorf("%s, %s: %w", r.name(), l.name, err)
	}
	if strings.HasPrefix(s.problems, "Non-2xx") { // an error page is cheaper than an answer
		return sample{}, fmt.Errorf("%s, %s: %s", r.name(), l.name, s.problems)
	}
	u1, s1 := r.cpu()
	s.cpu = float64((u1+s1)-(u0+s0)) / float64(time.Microsecond) / float64(s.requests)
	return s, nil
}

// report prints medians by case, and their ratio to nginx's.
func report(all []*running, seen map[string][]sample) {
	for _, l := range loads {
		base := 0.0
		peer := " nginx"
		switch {
		case l.streams > 0:
			peer = " nginx+h2"
		case l.tls:
			peer = " nginx+tls"
		}
		if s := seen[l.name+peer]; len(s) > 0 {
			base = median(s, func(s sample) float64 { return s.cpu })
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\tµs CPU/request\tfrom\tto\tvs nginx\trequests/s\tp50\tp99\t\n", l.name)
		rows := 0
		for _, r := range all {
			s := seen[l.name+" "+r.name()]
			if len(s) == 0 {
				continue
			}
			rows++
			ratio, problems := "-", ""
			cpu := median(s, func(s sample) float64 { return s.cpu })
			if base > 0 {
				ratio = fmt.Sprintf("%.2f", cpu/base)
			}
			for _, x := range s {
				if x.problems != "" {
					problems = x.problems
				}
			}
			slices.SortFunc(s, func(a, b sample) int { return cmp.Compare(a.cpu, b.cpu) })
			m := s[len(s)/2]
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\t%.0f\t%s\t%s\t%s\n", r.name(), cpu, s[0].cpu, s[len(s)-1].cpu, ratio,
				median(s, func(s sample) float64 { return s.rate }), m.p50, m.p99, problems)
		}
		if rows > 0 {
			w.Flush()
			fmt.Println()
		}
	}
}

func median(s []sample, of func(sample) float64) float64 {
	var v []float64
	for _, x := range s {
		v = append(v, of(x))
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
