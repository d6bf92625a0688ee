package dao

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// key is what every index is keyed by: a workspace (its number in the store,
// 0 where the index spans all) and a value.
type key struct {
	ws uint32
	v  string
}

// index is a map that many goroutines read without locks while one writes.
// It is cut into shards; a shard is an immutable base and a small immutable
// overlay that a write replaces and now and then folds into a new base. A
// write thus copies some hundred entries, however large the index is.
type index[V any] struct {
	seed maphash.Seed
	t    atomic.Pointer[shards[V]]
	n    int // entries; writer only
}

type shards[V any] struct {
	mask uint64
	s    []atomic.Pointer[shard[V]]
}

type shard[V any] struct {
	base map[key]V
	over map[key]entry[V]
}

// entry of an overlay; dead hides what the base has.
type entry[V any] struct {
	v    V
	dead bool
}

const (
	shardSize   = 256 // entries of a shard when the index is built
	overlaySize = 24
)

// newIndex builds an index over m, which it takes.
func newIndex[V any](m map[key]V) *index[V] {
	x := &index[V]{seed: maphash.MakeSeed(), n: len(m)}
	x.build(m)
	return x
}

func (x *index[V]) build(m map[key]V) {
	n := 1
	for n*shardSize < len(m) {
		n *= 2
	}
	t := &shards[V]{mask: uint64(n - 1), s: make([]atomic.Pointer[shard[V]], n)}
	if n == 1 {
		t.s[0].Store(&shard[V]{base: m})
		x.t.Store(t)
		return
	}
	parts := make([]map[key]V, n)
	for i := range parts {
		parts[i] = make(map[key]V, len(m)/n+len(m)/n/16)
	}
	for k, v := range m {
		parts[x.hash(k)&t.mask][k] = v
	}
	for i := range parts {
		t.s[i].Store(&shard[V]{base: parts[i]})
	}
	x.t.Store(t)
}

func (x *index[V]) hash(k key) uint64 {
	return maphash.String(x.seed, k.v) + uint64(k.ws)*0x9e3779b97f4a7c15
}

func (x *index[V]) shard(t *shards[V], k key) *atomic.Pointer[shard[V]] {
	if t.mask == 0 {
		return &t.s[0]
	}
	return &t.s[x.hash(k)&t.mask]
}

func (x *index[V]) get(k key) (V, bool) {
	s := x.shard(x.t.Load(), k).Load()
	if len(s.over) > 0 {
		if e, ok := s.over[k]; ok {
			return e.v, !e.dead
		}
	}
	v, ok := s.base[k]
	return v, ok
}

// set stores an entry. Only one goroutine may write at a time.
func (x *index[V]) set(k key, v V) {
	if _, ok := x.get(k); !ok {
		x.n++
	}
	x.put(k, entry[V]{v: v})
	t := x.t.Load()
	if x.n > len(t.s)*shardSize*2 {
		m := make(map[key]V, x.n)
		x.each(func(k key, v V) bool { m[k] = v; return true })
		x.build(m)
	}
}

// del removes an entry.
func (x *index[V]) del(k key) {
	if _, ok := x.get(k); ok {
		x.n--
		x.put(k, entry[V]{dead: true})
	}
}

func (x *index[V]) put(k key, e entry[V]) {
	p := x.shard(x.t.Load(), k)
	old := p.Load()
	if len(old.base) > overlaySize && len(old.over) < overlaySize {
		over := make(map[key]entry[V], len(old.over)+1)
		maps.Copy(over, old.over)
		over[k] = e
		p.Store(&shard[V]{base: old.base, over: over})
		return
	}
	base := make(map[key]V, len(old.base)+len(old.over)+1)
	maps.Copy(base, old.base)
	apply := func(k key, e entry[V]) {
		if e.dead {
			delete(base, k)
		} else {
			base[k] = e.v
		}
	}
	for k, e := range old.over {
		apply(k, e)
	}
	apply(k, e)
	p.Store(&shard[V]{base: base})
}

func (x *index[V]) each(fn func(key, V) bool) {
	t := x.t.Load()
	for i := range t.s {
		s := t.s[i].Load()
		for k, v := range s.base {
			if _, hidden := s.over[k]; !hidden && !fn(k, v) {
				return
			}
		}
		for k, e := range s.over {
			if !e.dead && !fn(k, e.v) {
				return
			}
		}
	}
}
