package gateway

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// workerCount is the number of loops (nginx_worker_processes).
func (n *node) workerCount() int {
	if n.conf.Workers > 0 {
		return n.conf.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// makeWorkers makes the loops and starts them; they accept nothing yet.
func (n *node) makeWorkers() error {
	for i := range n.workerCount() {
		l, err := loop.New()
		if err != nil {
			return err
		}
		w := &worker.Worker{ID: i, Loop: l}
		n.workers = append(n.workers, w)
		n.proxies = append(n.proxies, n.server.Attach(w))
	}
	for _, w := range n.workers {
		n.running.Add(1)
		go func() {
			defer n.running.Done()
			if err := w.Loop.Run(); err != nil {
				n.log.Errorf("worker %d stopped: %v", w.ID, err)
			}
		}()
	}
	return nil
}

// onAll runs fn on every worker's loop and waits for all.
func (n *node) onAll(fn func(i int, w *worker.Worker) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(n.workers))
	for i, w := range n.workers {
		wg.Add(1)
		w.Loop.Post(func() {
			defer wg.Done()
			errs[i] = fn(i, w)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("worker %d: %w", i, err)
		}
	}
	return nil
}

// startRuntimes brings a snapshot's code and configurations to every worker.
func (n *node) startRuntimes(s *snapshot.Snapshot) error {
	for _, g := range s.Generations {
		if err := n.onAll(func(_ int, w *worker.Worker) error { return g.Runtime.Start(w, g.Generation) }); err != nil {
			return err
		}
	}
	return nil
}

// accept has every worker accept connections.
func (n *node) accept(listeners [][]*proxy.Listener) error {
	n.accepting = listeners
	return n.onAll(func(i int, _ *worker.Worker) error {
		for _, l := range listeners[i] {
			if err := n.proxies[i].Listen(l); err != nil {
				return fmt.Errorf("cannot accept on %s: %w", l.Addr, err)
			}
		}
		return nil
	})
}

// drain stops accepting and waits until every connection is done, or until
// patience ends (0 = no end).
func (n *node) drain(patience time.Duration, cut <-chan Signal) {
	_ = n.onAll(func(i int, _ *worker.Worker) error {
		for _, l := range n.accepting[i] {
			n.proxies[i].Unlisten(l)
		}
		return nil
	})
	n.server.Drain()
	n.closeListeners()
	n.streams.drain(n)
	var deadline <-chan time.Time
	if patience > 0 {
		deadline = time.After(patience)
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		open := 0
		var mu sync.Mutex
		_ = n.onAll(func(i int, _ *worker.Worker) error {
			n.proxies[i].CloseIdle()
			sessions := n.streams.remaining(i)
			mu.Lock()
			open += n.proxies[i].Connections() + sessions
			mu.Unlock()
			return nil
		})
		if open == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			n.log.Warnf("%d connections are cut off: worker_shutdown_timeout is over", open)
			return
		case s := <-cut:
			if s == Stop {
				return
			}
		}
	}
}

// stopWorkers closes what is left and ends the loops.
func (n *node) stopWorkers() {
	n.streams.closeSessions(n)
	if s := n.server.Snapshot(); s != nil {
		for _, g := range s.Generations {
			_ = n.onAll(func(_ int, w *worker.Worker) error { g.Runtime.Stop(w); return nil })
		}
	}
	_ = n.onAll(func(i int, w *worker.Worker) error {
		n.proxies[i].Close()
		w.Loop.Stop()
		return nil
	})
	n.running.Wait()
}
