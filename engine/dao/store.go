package dao

import (
	"context"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Record is an entity as stored: checked by its schema, without nulls.
// Records are shared: never change one that a store returned.
type Record = map[string]any

// Set is a whole configuration: records by kind.
type Set map[string][]Record

// DefaultWorkspace is the id of the workspace "default" in a store that was
// not told another.
const DefaultWorkspace = "0dc6f45b-8f8d-40d2-a504-473544ee190b"

// Store holds the entities of all kinds.
type Store interface {
	// Entities is the view of one kind in the default workspace. For a kind
	// that does not exist Valid reports false and every read finds nothing.
	Entities(kind string) Entities
	// Schemas lists the kinds, parents before the kinds that refer to them.
	Schemas() []*schema.Schema
	// ReplaceAll puts a whole configuration in place of the old, atomically;
	// on error nothing changes. Records must be complete (schema.Process made
	// them); they are checked for uniqueness and foreign keys only. The store
	// keeps them. A key "ttl" is the time to live of an entity that expires.
	ReplaceAll(ctx context.Context, set Set) error
	// Subscribe calls fn after each successful write, in order, with what
	// changed; fn must not write to the store. cancel ends it.
	Subscribe(fn func([]Change)) (cancel func())
}

// Op is what happened to an entity.
type Op uint8

// The operations. Replaced stands for a whole new configuration: it has no
// kind and no records.
const (
	Created Op = iota + 1
	Updated
	Deleted
	Replaced
)

// Change is one event.
type Change struct {
	Op   Op
	Kind string
	// New is nil on Deleted; Old is nil on Created.
	New, Old Record
}

// backend is what a store implements for one kind.
type backend interface {
	Schema() *schema.Schema
	Get(ws, id string) (Record, bool)
	By(ws, field, value string) (Record, bool)
	ByCacheKey(ws, key string) (Record, bool)
	Each(ws string, fn func(Record) bool)
	ByForeign(ws, field, id string, fn func(Record) bool)
	Page(ctx context.Context, ws string, q Query) (Page, error)
	Insert(ctx context.Context, ws string, rec Record, o WriteOptions) (Record, error)
	Update(ctx context.Context, ws, id string, patch Record, o WriteOptions) (Record, error)
	Upsert(ctx context.Context, ws, id string, rec Record, o WriteOptions) (Record, error)
	Delete(ctx context.Context, ws, id string) (Record, error)
	Len(ws string) int
}

// Entities is the view of one kind in one workspace. It is a small value:
// copy it freely. The reads without a context answer from memory, allocate
// nothing and may be called from any goroutine.
type Entities struct {
	b  backend
	ws string
}

// Valid tells if the kind exists.
func (e Entities) Valid() bool { return e.b != nil }

// In is the view of another workspace (its id).
func (e Entities) In(ws string) Entities { e.ws = ws; return e }

// Schema is the kind's schema, nil if not Valid.
func (e Entities) Schema() *schema.Schema {
	if e.b == nil {
		return nil
	}
	return e.b.Schema()
}

// Get finds an entity by id.
func (e Entities) Get(id string) (Record, bool) {
	if e.b == nil {
		return nil, false
	}
	return e.b.Get(e.ws, id)
}

// By finds an entity by a unique field (or the endpoint key).
func (e Entities) By(field, value string) (Record, bool) {
	if e.b == nil {
		return nil, false
	}
	return e.b.By(e.ws, field, value)
}

// ByCacheKey finds an entity by its cache key; make it with CacheKey.
func (e Entities) ByCacheKey(key string) (Record, bool) {
	if e.b == nil {
		return nil, false
	}
	return e.b.ByCacheKey(e.ws, key)
}

// Each calls fn for every entity, in the order of ids, until it returns false.
func (e Entities) Each(fn func(Record) bool) {
	if e.b != nil {
		e.b.Each(e.ws, fn)
	}
}

// ByForeign calls fn for the entities whose foreign field points to id.
func (e Entities) ByForeign(field, id string, fn func(Record) bool) {
	if e.b != nil {
		e.b.ByForeign(e.ws, field, id, fn)
	}
}

// Len is the number of entities.
func (e Entities) Len() int {
	if e.b == nil {
		return 0
	}
	return e.b.Len(e.ws)
}

// Query selects a page.
type Query struct {
	// Size is 1–1000; 0 means 100.
	Size int
	// After is the Next of the page before, "" for the first.
	After string
	// Tags: all of them (TagsAny: one of them) must be on the entity.
	Tags    []string
	TagsAny bool
	// Foreign and ForeignID keep the entities that point to one parent.
	Foreign, ForeignID string
}

// Page is a part of a list.
type Page struct {
	Records []Record
	// Next asks for what follows, "" at the end.
	Next string
}

// WriteOptions of a write.
type WriteOptions struct {
	// TTL in seconds for kinds that expire, 0–100,000,000; 0 is none. An
	// update with 0 keeps what was left.
	TTL int64
	// Trusted skips validation of a record that a schema already completed.
	Trusted bool
}

// Page reads a part of the list, in the order of ids.
func (e Entities) Page(ctx context.Context, q Query) (Page, error) {
	if e.b == nil {
		return Page{}, nil
	}
	return e.b.Page(ctx, e.ws, q)
}

// Insert validates and stores a new entity and returns it completed.
func (e Entities) Insert(ctx context.Context, rec Record, o WriteOptions) (Record, error) {
	if e.b == nil {
		return nil, errNoKind
	}
	return e.b.Insert(ctx, e.ws, rec, o)
}

// Update changes fields of an entity; Null removes a value.
func (e Entities) Update(ctx context.Context, id string, patch Record, o WriteOptions) (Record, error) {
	if e.b == nil {
		return nil, errNoKind
	}
	return e.b.Update(ctx, e.ws, id, patch, o)
}

// Upsert stores an entity under an id, in place of the old one if there is.
func (e Entities) Upsert(ctx context.Context, id string, rec Record, o WriteOptions) (Record, error) {
	if e.b == nil {
		return nil, errNoKind
	}
	return e.b.Upsert(ctx, e.ws, id, rec, o)
}

// Delete removes an entity and what cascades from it; it returns the entity,
// nil if there was none.
func (e Entities) Delete(ctx context.Context, id string) (Record, error) {
	if e.b == nil {
		return nil, errNoKind
	}
	return e.b.Delete(ctx, e.ws, id)
}
