package dao

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// refs are the rows that point to one parent. Most parents have one.
type refs struct {
	one  *row
	more *[]*row
}

func (r refs) each(fn func(*row) bool) {
	if r.one != nil && !fn(r.one) {
		return
	}
	for _, x := range r.rest() {
		if !fn(x) {
			return
		}
	}
}

func (r refs) rest() []*row {
	if r.more == nil {
		return nil
	}
	return *r.more
}

func (r refs) with(x *row) refs {
	if r.one == nil {
		return refs{one: x, more: r.more}
	}
	// append may share the array with an older refs, whose length hides it
	more := append(r.rest(), x)
	return refs{one: r.one, more: &more}
}

func (r refs) without(id string) refs {
	if r.one != nil && r.one.id == id {
		return refs{more: r.more}
	}
	var more []*row
	for _, x := range r.rest() {
		if x.id != id {
			more = append(more, x)
		}
	}
	if more == nil {
		return refs{one: r.one}
	}
	return refs{one: r.one, more: &more}
}

func (r refs) empty() bool { return r.one == nil && len(r.rest()) == 0 }

// table holds the rows of one kind.
type table struct {
	kind *kind
	m    *Memory
	rows *index[*row]
	hot  hot
	// unique has an index per field of kind.unique, cache that of the cache
	// key (nil where one of the others serves).
	unique  []*index[*row]
	cache   *index[*row]
	foreign []*index[refs]

	// version counts writes; order caches the rows sorted by id.
	version atomic.Uint64
	order   atomic.Pointer[ordered]
	orderMu sync.Mutex
}

// kind is what a store knows of a schema.
type kind struct {
	schema  *schema.Schema
	name    string
	pos     int
	pk      []string
	unique  []string
	across  []bool // unique across workspaces
	foreign []*schema.Field
	// cacheKey has two fields or more: single ones are among the unique.
	cacheKey []string
	// children are the foreign fields elsewhere that point here.
	children []childField
	// holders are array fields elsewhere whose elements are ids of this kind.
	holders []childField
	// numbers are the fields' places in the schema, for packing.
	numbers map[string]byte
}

type childField struct {
	kind  *kind
	pos   int // in kind.foreign
	field *schema.Field
}

func newKind(s *schema.Schema, pos int) *kind {
	k := &kind{schema: s, name: s.Name, pos: pos, pk: s.Keys(), numbers: map[string]byte{}}
	for i := range s.Fields {
		f := &s.Fields[i]
		if i < unnamed {
			k.numbers[f.Name] = byte(i)
		}
		if f.Type == schema.Foreign {
			k.foreign = append(k.foreign, f)
		}
		if f.Unique {
			k.unique = append(k.unique, f.Name)
			k.across = append(k.across, f.UniqueAcrossWS || !s.Workspaceable)
		}
	}
	if len(s.CacheKey) > 1 {
		k.cacheKey = s.CacheKey
	}
	return k
}

func (k *kind) uniqueAt(field string) int {
	for i, f := range k.unique {
		if f == field {
			return i
		}
	}
	return -1
}

func (k *kind) foreignAt(field string) int {
	for i, f := range k.foreign {
		if f.Name == field {
			return i
		}
	}
	return -1
}

// idOf is a row's id: the primary key, its parts joined where it has several.
func (k *kind) idOf(rec Record) string { return ID(k.pk, rec) }

// ID is the id under which a record with this primary key is stored: what Get
// takes.
func ID(primaryKey []string, rec Record) string {
	if len(primaryKey) == 1 {
		return scalarKey(rec[primaryKey[0]])
	}
	parts := make([]string, len(primaryKey))
	for i, f := range primaryKey {
		parts[i] = scalarKey(rec[f])
	}
	return strings.Join(parts, ":")
}

// scalarKey is the text by which a value is looked up; a foreign key counts
// as its id.
func scalarKey(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case map[string]any:
		s, _ := x["id"].(string)
		return s
	case float64:
		return schema.FormatNumber(x)
	case bool:
		return schema.Text(x)
	}
	return ""
}

// cacheKeyOf joins the cache key's fields; "" where none of them has a value.
func (k *kind) cacheKeyOf(rec Record) string {
	return CacheKey(k.schema, rec)
}

// CacheKey makes the key for Entities.ByCacheKey from the fields of the
// schema's cache key in rec: {"name": "cors", "route": {"id": …}}.
func CacheKey(s *schema.Schema, rec Record) string {
	var b strings.Builder
	for _, f := range s.CacheKey {
		b.WriteString(scalarKey(rec[f]))
		b.WriteByte(0)
	}
	return b.String()
}

func newTable(m *Memory, k *kind) *table {
	t := &table{kind: k, m: m, rows: newIndex(map[key]*row{})}
	t.unique = make([]*index[*row], len(k.unique))
	for i := range t.unique {
		t.unique[i] = newIndex(map[key]*row{})
	}
	if k.cacheKey != nil {
		t.cache = newIndex(map[key]*row{})
	}
	t.foreign = make([]*index[refs], len(k.foreign))
	for i := range t.foreign {
		t.foreign[i] = newIndex(map[key]refs{})
	}
	return t
}

func (t *table) uniqueKey(i int, r *row) (key, bool) {
	var v string
	var ok bool
	if p := r.rec.Load(); p != nil {
		var x any
		x, ok = (*p)[t.kind.unique[i]]
		v = scalarKey(x)
	} else {
		v, ok = t.kind.unpackString(r.packed, t.kind.unique[i])
	}
	if !ok {
		return key{}, false
	}
	k := key{r.ws, v}
	if t.kind.across[i] {
		k.ws = 0
	}
	return k, true
}

// conflict finds what a new row would collide with: a unique field's name and
// value, or those of the cache key.
func (t *table) conflict(r *row) map[string]any {
	for i, f := range t.kind.unique {
		if k, ok := t.uniqueKey(i, r); ok && t.taken(t.unique[i], k, r.id) {
			return map[string]any{f: t.peek(r)[f]}
		}
	}
	if t.cache != nil && t.taken(t.cache, key{r.ws, t.kind.cacheKeyOf(t.peek(r))}, r.id) {
		return t.cacheFields(t.peek(r))
	}
	return nil
}

func (t *table) cacheFields(rec Record) map[string]any {
	fields := map[string]any{}
	for _, f := range t.kind.cacheKey {
		if fields[f] = rec[f]; fields[f] == nil {
			fields[f] = schema.Null
		}
	}
	return fields
}

func (t *table) taken(x *index[*row], k key, id string) bool {
	old, ok := x.get(k)
	return ok && old.id != id && old.live()
}

func (t *table) insert(r *row) {
	if t.rows.n >= packFrom {
		t.squeeze(r)
	}
	t.rows.set(key{0, r.id}, r)
	for i := range t.unique {
		if k, ok := t.uniqueKey(i, r); ok {
			t.unique[i].set(k, r)
		}
	}
	if t.cache != nil {
		t.cache.set(key{r.ws, t.kind.cacheKeyOf(t.peek(r))}, r)
	}
	for i, f := range t.kind.foreign {
		if id := t.foreignID(r, f.Name); id != "" {
			old, _ := t.foreign[i].get(key{0, id})
			t.foreign[i].set(key{0, id}, old.with(r))
		}
	}
	t.version.Add(1)
}

func (t *table) remove(r *row) {
	t.rows.del(key{0, r.id})
	for i := range t.unique {
		if k, ok := t.uniqueKey(i, r); ok {
			if cur, _ := t.unique[i].get(k); cur == r {
				t.unique[i].del(k)
			}
		}
	}
	if t.cache != nil {
		k := key{r.ws, t.kind.cacheKeyOf(t.peek(r))}
		if cur, _ := t.cache.get(k); cur == r {
			t.cache.del(k)
		}
	}
	for i, f := range t.kind.foreign {
		id := t.foreignID(r, f.Name)
		if id == "" {
			continue
		}
		old, _ := t.foreign[i].get(key{0, id})
		if left := old.without(r.id); left.empty() {
			t.foreign[i].del(key{0, id})
		} else {
			t.foreign[i].set(key{0, id}, left)
		}
	}
	t.version.Add(1)
}

// foreignID is the id that a foreign field holds, "" for none.
func (t *table) foreignID(r *row, field string) string {
	if p := r.rec.Load(); p != nil {
		return scalarKey((*p)[field])
	}
	id, _ := t.kind.unpackString(r.packed, field)
	return id
}

// spaceID is the id of a workspace by its number, boxed.
func (t *table) spaceID(n uint32) any {
	if n == 1 {
		return t.m.wsAny
	}
	for id, x := range *t.m.spaces.Load() {
		if x == n {
			return id
		}
	}
	return ""
}

// sorted lists the rows in the order of their ids. The list is kept until the
// next write.
func (t *table) sorted() []*row {
	v := t.version.Load()
	if l := t.order.Load(); l != nil && l.version == v {
		return l.rows
	}
	t.orderMu.Lock()
	defer t.orderMu.Unlock()
	v = t.version.Load()
	l := t.order.Load()
	if l != nil && l.version == v {
		return l.rows
	}
	var list []*row
	if l != nil {
		list = make([]*row, 0, len(l.rows)+16)
	}
	t.rows.each(func(_ key, r *row) bool { list = append(list, r); return true })
	slices.SortFunc(list, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	t.order.Store(&ordered{v, list})
	return list
}

// ordered is a sorted list of the rows at one version of the table.
type ordered struct {
	version uint64
	rows    []*row
}
