package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// bench is one run: its folder of configurations and logs, its processes, its ports.
type bench struct {
	dir     string
	gibbon  string // the binary under test
	ports   *process.Ports
	files   int // open files that a process may have
	servers []*server
}

func main() {
	verb, args := "cpu", os.Args[1:]
	if len(args) > 0 && args[0][0] != '-' {
		verb, args = args[0], args[1:]
	}
	verbs := map[string]func(*bench, []string) error{"cpu": runCPU, "idle": runIdle, "reload": runReload, "stream": runStream, "stream-idle": runStreamIdle, "asleep": runAsleep,
		"websocket": runWebSocket}
	run, ok := verbs[verb]
	if !ok {
		fmt.Fprintf(os.Stderr, "bench: unknown verb %q: cpu, idle, asleep, reload, stream, stream-idle or websocket\n", verb)
		os.Exit(2)
	}
	dir, err := os.MkdirTemp("", "gibbon-bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	ports, err := process.TakePorts()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	b := &bench{dir: dir, ports: ports, files: raiseFileLimit()}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		b.close()
		os.Exit(130)
	}()
	err = run(b, args)
	b.close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// raiseFileLimit lifts the soft limit of open files, which children inherit, and gives it.
func raiseFileLimit() int {
	var limit syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = min(limit.Max, 100000)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	return int(limit.Cur)
}

func (b *bench) close() {
	for _, p := range b.servers {
		p.Stop()
	}
	os.RemoveAll(b.dir)
}

// flags are a verb's own, with those that all have.
func (b *bench) flags(verb string) *flag.FlagSet {
	f := flag.NewFlagSet("bench "+verb, flag.ExitOnError)
	f.StringVar(&b.gibbon, "gibbon", "build/gibbon", "the `binary` under test")
	return f
}
