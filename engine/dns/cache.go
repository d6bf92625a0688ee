package dns

import (
	"context"
	"sync"
	"sync/atomic"
)

// entry is a name in the cache.
type entry struct {
	name       string
	answer     atomic.Pointer[Answer] // nil = nothing known
	used       atomic.Bool            // since the clock's hand passed last
	refreshing atomic.Bool            // a background query is under way
	last       atomic.Uint32          // the Type that answered last

	mu   sync.Mutex
	call *call
}

func newEntry(name string) *entry { return &entry{name: name} }

func (e *entry) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// call is a query that several callers wait for.
type call struct {
	done   chan struct{}
	answer *Answer
}

// cache maps names to entries, of which it keeps a bounded number: a clock
// (second chance) evicts, since it makes reads free of writes to shared lists.
type cache struct {
	mu      sync.RWMutex
	entries map[string]*entry
	ring    []*entry
	hand    int
	size    int
}

func newCache(size int) *cache {
	return &cache{entries: make(map[string]*entry), size: size}
}

// get returns the entry of a name, made if new.
func (c *cache) get(name string) (e *entry, isNew bool) {
	c.mu.RLock()
	e = c.entries[name]
	c.mu.RUnlock()
	if e != nil {
		return e, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[name]; e != nil {
		return e, false
	}
	e = newEntry(name)
	if len(c.ring) < c.size {
		c.ring = append(c.ring, e)
	} else {
		for c.ring[c.hand].used.Swap(false) {
			c.hand = (c.hand + 1) % len(c.ring)
		}
		delete(c.entries, c.ring[c.hand].name)
		c.ring[c.hand] = e
		c.hand = (c.hand + 1) % len(c.ring)
	}
	c.entries[name] = e
	return e, true
}

// query asks for a name and keeps the answer. Callers of the same name share
// one query unless NoSync. An error is only that of ctx. The query goes on when
// a caller gives up: its answer serves the next.
func (r *Resolver) query(ctx context.Context, e *entry) (*Answer, error) {
	e.mu.Lock()
	c := e.call
	if c == nil || r.opts.NoSync {
		c = &call{done: make(chan struct{})}
		if !r.goQuery(func() { r.run(e, c) }) {
			e.mu.Unlock()
			return nil, errClosed
		}
		e.call = c
	}
	e.mu.Unlock()
	select {
	case <-c.done:
		return c.answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Resolver) run(e *entry, c *call) {
	c.answer = r.lookup(r.ctx, e)
	if r.ctx.Err() == nil {
		c.answer = r.store(e, c.answer)
	}
	e.mu.Lock()
	if e.call == c {
		e.call = nil
	}
	e.mu.Unlock()
	close(c.done)
}

// store sets the times of a new answer and puts it into the cache; it returns
// what is to be used, which is the old answer when a server failed and the old
// one may still serve.
func (r *Resolver) store(e *entry, a *Answer) *Answer {
	now := r.opts.Now()
	prev := e.answer.Load()
	o := &r.opts
	if a.Err != nil {
		ttl := o.ErrorTTL
		if isNotFound(a.Err) {
			ttl = o.NotFoundTTL
		} else if prev != nil && prev.Err == nil && now.Before(prev.stale) {
			// Servers that fail do not undo what they said before.
			kept := *prev
			kept.Expires = now.Add(ttl)
			e.answer.Store(&kept)
			return &kept
		}
		a.Expires = now.Add(ttl)
		a.stale = a.Expires.Add(o.StaleTTL)
	} else {
		e.last.Store(uint32(a.Type))
		if !a.Expires.Equal(forever) {
			a.stale = a.Expires.Add(o.StaleTTL)
		}
		a.finish(prev)
	}
	e.answer.Store(a)
	return a
}
