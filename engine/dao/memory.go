package dao

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Options of NewMemory.
type Options struct {
	// Schemas of all kinds: the core entities' and those that plugins declare.
	Schemas []*schema.Schema
	// Workspace is the id of the workspace "default"; "" is DefaultWorkspace.
	Workspace string
}

// Memory is a Store that keeps everything in memory. Reads take no locks;
// writes are done one after another.
//
// What it does not hold does not exist, so a miss costs one look-up and there
// is nothing to cache for it.
type Memory struct {
	kinds     map[string]*kindStore
	order     []*kind
	schemas   []*schema.Schema
	workspace string
	wsAny     any // the default workspace's id, boxed once for all records

	// spaces numbers the workspaces; copied on write.
	spaces atomic.Pointer[map[string]uint32]
	tables atomic.Pointer[[]*table]

	mu    sync.Mutex // writers
	subs  map[int]func([]Change)
	subID int
}

var _ Store = (*Memory)(nil)

// kindStore is the backend of one kind; it outlives ReplaceAll.
type kindStore struct {
	m *Memory
	k *kind
}

// NewMemory makes an empty store. The error names a schema that cannot be
// kept: a duplicate, or a reference to a kind that is not there.
func NewMemory(o Options) (*Memory, error) {
	m := &Memory{kinds: map[string]*kindStore{}, workspace: o.Workspace, subs: map[int]func([]Change){}}
	if m.workspace == "" {
		m.workspace = DefaultWorkspace
	}
	m.wsAny = m.workspace
	m.spaces.Store(&map[string]uint32{m.workspace: 1})
	sorted, err := sortSchemas(o.Schemas)
	if err != nil {
		return nil, err
	}
	for i, s := range sorted {
		k := newKind(s, i)
		m.kinds[s.Name] = &kindStore{m, k}
		m.order = append(m.order, k)
	}
	m.schemas = sorted
	for _, k := range m.order {
		for i, f := range k.foreign {
			parent := m.kinds[f.Reference].k
			parent.children = append(parent.children, childField{k, i, f})
		}
		for i := range k.schema.Fields {
			f := &k.schema.Fields[i]
			if f.Elements != nil && f.Elements.Reference != "" {
				if p, ok := m.kinds[f.Elements.Reference]; ok {
					p.k.holders = append(p.k.holders, childField{kind: k, field: f})
				}
			}
		}
	}
	tables := m.emptyTables()
	m.tables.Store(&tables)
	return m, nil
}

func (m *Memory) emptyTables() []*table {
	tables := make([]*table, len(m.order))
	for i, k := range m.order {
		tables[i] = newTable(m, k)
	}
	return tables
}

// sortSchemas puts parents before the kinds that refer to them.
func sortSchemas(in []*schema.Schema) ([]*schema.Schema, error) {
	byName := map[string]*schema.Schema{}
	for _, s := range in {
		if byName[s.Name] != nil {
			return nil, fmt.Errorf("entity '%s' is declared twice", s.Name)
		}
		byName[s.Name] = s
	}
	var out []*schema.Schema
	state := map[string]int{} // 1 = being visited, 2 = done
	var visit func(s *schema.Schema) error
	visit = func(s *schema.Schema) error {
		if state[s.Name] != 0 {
			return nil // a cycle of references is broken where it is met again
		}
		state[s.Name] = 1
		for i := range s.Fields {
			f := &s.Fields[i]
			if f.Type != schema.Foreign {
				continue
			}
			p, ok := byName[f.Reference]
			if !ok {
				return fmt.Errorf("entity '%s': field '%s' refers to an unknown entity '%s'", s.Name, f.Name, f.Reference)
			}
			if err := visit(p); err != nil {
				return err
			}
		}
		state[s.Name] = 2
		out = append(out, s)
		return nil
	}
	for _, s := range in {
		if err := visit(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Entities implements Store.
func (m *Memory) Entities(name string) Entities {
	if k, ok := m.kinds[name]; ok {
		return Entities{b: k, ws: m.workspace}
	}
	return Entities{}
}

// Schemas implements Store.
func (m *Memory) Schemas() []*schema.Schema { return m.schemas }

// Subscribe implements Store.
func (m *Memory) Subscribe(fn func([]Change)) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subID++
	id := m.subID
	m.subs[id] = fn
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.subs, id)
	}
}

func (m *Memory) notify(c []Change) {
	for i := 1; i <= m.subID; i++ {
		if fn := m.subs[i]; fn != nil {
			fn(c)
		}
	}
}

// space is the number of a workspace; ok is false for one never written to.
func (m *Memory) space(ws string) (uint32, bool) {
	if ws == m.workspace {
		return 1, true
	}
	n, ok := (*m.spaces.Load())[ws]
	return n, ok
}

// addSpace numbers a workspace on its first write.
func (m *Memory) addSpace(ws string) uint32 {
	if n, ok := m.space(ws); ok {
		return n
	}
	old := *m.spaces.Load()
	next := make(map[string]uint32, len(old)+1)
	for k, v := range old {
		next[k] = v
	}
	n := uint32(len(next) + 1)
	next[ws] = n
	m.spaces.Store(&next)
	return n
}

func nowMilli() int64 { return time.Now().UnixMilli() }

func (s *kindStore) table() *table { return (*s.m.tables.Load())[s.k.pos] }

func (s *kindStore) Schema() *schema.Schema { return s.k.schema }

// visible tells if a row may be seen from workspace number ws.
func (s *kindStore) visible(r *row, ws uint32) bool {
	return (!s.k.schema.Workspaceable || r.ws == ws) && r.live()
}

func (s *kindStore) Get(ws, id string) (Record, bool) {
	n, _ := s.m.space(ws)
	t := s.table()
	if r, ok := t.rows.get(key{0, id}); ok && s.visible(r, n) {
		return t.record(r), true
	}
	return nil, false
}

func (s *kindStore) By(ws, field, value string) (Record, bool) {
	i := s.k.uniqueAt(field)
	if i < 0 {
		if field == s.k.pk[0] && len(s.k.pk) == 1 {
			return s.Get(ws, value)
		}
		return nil, false
	}
	n, _ := s.m.space(ws)
	k := key{n, value}
	if s.k.across[i] {
		k.ws = 0
	}
	t := s.table()
	if r, ok := t.unique[i].get(k); ok && r.live() {
		return t.record(r), true
	}
	return nil, false
}

func (s *kindStore) ByCacheKey(ws, value string) (Record, bool) {
	t := s.table()
	n, _ := s.m.space(ws)
	if t.cache == nil {
		if len(s.k.schema.CacheKey) == 1 {
			return s.By(ws, s.k.schema.CacheKey[0], value[:max(len(value)-1, 0)])
		}
		return nil, false
	}
	if !s.k.schema.Workspaceable {
		n = 1
	}
	if r, ok := t.cache.get(key{n, value}); ok && r.live() {
		return t.record(r), true
	}
	return nil, false
}

func (s *kindStore) Each(ws string, fn func(Record) bool) {
	n, _ := s.m.space(ws)
	t := s.table()
	for _, r := range t.sorted() {
		if s.visible(r, n) && !fn(t.peek(r)) {
			return
		}
	}
}

func (s *kindStore) ByForeign(ws, field, id string, fn func(Record) bool) {
	i := s.k.foreignAt(field)
	if i < 0 {
		return
	}
	n, _ := s.m.space(ws)
	t := s.table()
	list, _ := t.foreign[i].get(key{0, id})
	list.each(func(r *row) bool { return !s.visible(r, n) || fn(t.record(r)) })
}

func (s *kindStore) Len(ws string) int {
	n, count := uint32(0), 0
	n, _ = s.m.space(ws)
	s.table().rows.each(func(_ key, r *row) bool {
		if s.visible(r, n) {
			count++
		}
		return true
	})
	return count
}

// Page implements the list of the Admin API.
func (s *kindStore) Page(_ context.Context, ws string, q Query) (Page, error) {
	if q.Size == 0 {
		q.Size = 100
	}
	if q.Size < 0 || q.Size > 1000 {
		return Page{}, &Error{Code: InvalidSize, Message: "size must be an integer between 1 and 1000"}
	}
	n, _ := s.m.space(ws)
	t := s.table()
	rows := t.sorted()
	if q.Foreign != "" {
		rows = s.childRows(q)
	}
	from := 0
	if q.After != "" {
		from = search(rows, q.After)
	}
	var p Page
	last := ""
	for _, r := range rows[from:] {
		if !s.visible(r, n) {
			continue
		}
		rec := t.peek(r)
		if !hasTags(rec, q) {
			continue
		}
		if len(p.Records) == q.Size {
			p.Next = last
			break
		}
		p.Records = append(p.Records, rec)
		last = r.id
	}
	return p, nil
}
