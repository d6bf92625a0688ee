package health

import (
	"context"
	"sync"
	"time"
)

// proberSpec is what a running prober depends on; when it changes, a new
// prober replaces it. Everything else it reads from the settings each round.
type proberSpec struct{ healthy, unhealthy time.Duration }

// reschedule starts, replaces or stops the prober. The caller holds registry.mu.
func (c *Checker) reschedule(s *settings) {
	spec := proberSpec{s.everyHealthy, s.everyUnhealthy}
	if spec == c.spec {
		return
	}
	c.spec = spec
	if c.prober != nil {
		c.prober()
		c.prober = nil
	}
	r := c.registry
	if spec == (proberSpec{}) || r.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	c.prober = cancel
	for _, l := range []struct {
		every   time.Duration
		healthy bool
	}{{spec.healthy, true}, {spec.unhealthy, false}} {
		if l.every > 0 {
			r.wait.Go(func() { c.probeLoop(ctx, l.every, l.healthy) })
		}
	}
}

// probeLoop probes the healthy (or the unhealthy) addresses once an interval.
func (c *Checker) probeLoop(ctx context.Context, every time.Duration, healthy bool) {
	t := time.NewTicker(max(every, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.probeAll(ctx, healthy)
		}
	}
}

// probeAll is one round, at most `concurrency` probes at a time.
func (c *Checker) probeAll(ctx context.Context, healthy bool) {
	s := c.settings.Load()
	slots := make(chan struct{}, s.concurrency)
	var round sync.WaitGroup
	for _, a := range c.Addresses() {
		// An address changes lists while a slow probe of the other list is
		// still under way: one probe at a time.
		if a.Healthy() != healthy || !a.probing.CompareAndSwap(false, true) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			a.probing.Store(false)
			round.Wait()
			return
		}
		round.Go(func() {
			defer func() { a.probing.Store(false); <-slots }()
			status, f := s.probe.run(ctx, c.registry, a.key)
			if ctx.Err() == nil {
				a.apply(&s.active, status, f, "active")
			}
		})
	}
	round.Wait()
}
