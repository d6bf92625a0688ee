package dao

import (
	"context"
	"fmt"
)

// ReplaceAll implements Store. The new tables are built beside the old ones,
// so readers see one whole configuration or the other.
func (m *Memory) ReplaceAll(_ context.Context, set Set) error {
	for name := range set {
		if m.kinds[name] == nil {
			return fmt.Errorf("unknown entity '%s'", name)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	tables := make([]*table, len(m.order))
	built := make([]*builder, len(m.order))
	for i, k := range m.order {
		b, err := m.build(m.kinds[k.name], set[k.name])
		if err != nil {
			return err
		}
		built[i] = b
	}
	for i, k := range m.order {
		for j, f := range k.foreign {
			parent := built[m.kinds[f.Reference].k.pos]
			for ref := range built[i].foreign[j] {
				if _, ok := parent.rows[ref]; !ok {
					return foreignViolation(f.Name, f.Reference, map[string]any{"id": ref.v})
				}
			}
		}
		tables[i] = built[i].table()
	}
	m.tables.Store(&tables)
	m.notify([]Change{{Op: Replaced}})
	return nil
}

// builder collects the indexes of one kind as plain maps.
type builder struct {
	kind    *kind
	shell   *table // becomes the table
	rows    map[key]*row
	unique  []map[key]*row
	cache   map[key]*row
	foreign []map[key]refs
}

func (m *Memory) build(s *kindStore, recs []Record) (*builder, error) {
	k := s.k
	b := &builder{kind: k, rows: make(map[key]*row, len(recs))}
	b.unique = make([]map[key]*row, len(k.unique))
	for i := range b.unique {
		b.unique[i] = make(map[key]*row, len(recs))
	}
	if k.cacheKey != nil {
		b.cache = make(map[key]*row, len(recs))
	}
	b.foreign = make([]map[key]refs, len(k.foreign))
	for i := range b.foreign {
		b.foreign[i] = map[key]refs{}
	}
	shell := newTable(m, k)
	b.shell = shell
	for _, rec := range recs {
		ws, ok := rec["ws_id"].(string)
		if !ok {
			ws = m.workspace
		}
		o := WriteOptions{}
		if ttl, ok := rec["ttl"].(float64); ok && k.schema.TTL {
			delete(rec, "ttl")
			o.TTL = int64(ttl)
		}
		r, err := s.newRow(ws, rec, o, nil)
		if err != nil {
			return nil, err
		}
		if len(recs) >= packFrom {
			shell.squeeze(r)
		}
		if err := b.add(shell, s, r); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *builder) add(shell *table, s *kindStore, r *row) error {
	id := key{0, r.id}
	if _, twice := b.rows[id]; twice {
		return s.primaryViolation(shell.peek(r))
	}
	b.rows[id] = r
	for i, f := range b.kind.unique {
		k, ok := shell.uniqueKey(i, r)
		if !ok {
			continue
		}
		if _, twice := b.unique[i][k]; twice {
			return uniqueViolation(map[string]any{f: shell.peek(r)[f]})
		}
		b.unique[i][k] = r
	}
	if b.cache != nil {
		k := key{r.ws, b.kind.cacheKeyOf(shell.peek(r))}
		if _, twice := b.cache[k]; twice {
			return uniqueViolation(shell.cacheFields(shell.peek(r)))
		}
		b.cache[k] = r
	}
	for i, f := range b.kind.foreign {
		if ref := shell.foreignID(r, f.Name); ref != "" {
			b.foreign[i][key{0, ref}] = b.foreign[i][key{0, ref}].grow(r)
		}
	}
	return nil
}

// grow is with for a list that nobody reads yet: append may reuse the array.
func (r refs) grow(x *row) refs {
	if r.one == nil {
		return refs{one: x}
	}
	more := append(r.rest(), x)
	return refs{one: r.one, more: &more}
}

func (b *builder) table() *table {
	t := b.shell
	t.rows = newIndex(b.rows)
	for i := range t.unique {
		t.unique[i] = newIndex(b.unique[i])
	}
	if b.cache != nil {
		t.cache = newIndex(b.cache)
	}
	for i := range t.foreign {
		t.foreign[i] = newIndex(b.foreign[i])
	}
	return t
}
