package dao

import (
	"context"
	"fmt"
	"strings"
)

// Delete implements removal with what cascades from it.
func (s *kindStore) Delete(_ context.Context, ws, id string) (Record, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, _ := m.space(ws)
	r, ok := s.table().rows.get(key{0, id})
	if !ok || !s.visible(r, n) {
		return nil, nil
	}
	gone := s.table().record(r)
	var plan []doomed
	if err := m.planDelete(s.k, r, &plan, map[*row]bool{}); err != nil {
		return nil, err
	}
	tables := *m.tables.Load()
	changes := make([]Change, 0, len(plan))
	for _, d := range plan {
		t := tables[d.kind.pos]
		before := t.peek(d.row)
		t.remove(d.row)
		if d.unset == "" {
			changes = append(changes, Change{Op: Deleted, Kind: d.kind.name, Old: before})
			continue
		}
		after := without(before, d.unset)
		next := &row{id: d.row.id, ws: d.row.ws, expires: d.row.expires}
		next.rec.Store(&after)
		t.insert(next)
		changes = append(changes, Change{Op: Updated, Kind: d.kind.name, Old: before, New: after})
	}
	m.notify(changes)
	return gone, nil
}

// doomed is a row that a delete takes along, or whose field it unsets.
type doomed struct {
	kind  *kind
	row   *row
	unset string
}

// planDelete lists what goes with a row, children first. An entity that
// still needs it refuses the whole.
func (m *Memory) planDelete(k *kind, r *row, plan *[]doomed, seen map[*row]bool) error {
	if seen[r] {
		return nil
	}
	seen[r] = true
	tables := *m.tables.Load()
	for _, c := range k.children {
		list, _ := tables[c.kind.pos].foreign[c.pos].get(key{0, r.id})
		var err error
		list.each(func(x *row) bool {
			switch {
			case !x.live():
				*plan = append(*plan, doomed{kind: c.kind, row: x})
			case c.field.OnDelete == "cascade" || c.field.Owned:
				err = m.planDelete(c.kind, x, plan, seen)
			case c.field.OnDelete == "null":
				*plan = append(*plan, doomed{kind: c.kind, row: x, unset: c.field.Name})
			default:
				err = &Error{Code: ForeignKeyViolation, Fields: map[string]any{"@referenced_by": c.kind.name},
					Message: fmt.Sprintf("an existing '%s' entity references this '%s' entity", c.kind.name, k.name)}
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	for _, h := range k.holders {
		if id, held := m.heldBy(h, r.id); held {
			return &Error{Code: ReferencedByOthers,
				Message: fmt.Sprintf("%s %s is still referenced by %s (id = %s)",
					strings.TrimSuffix(strings.ReplaceAll(k.name, "_", " "), "s"), r.id, h.kind.name, id)}
		}
	}
	*plan = append(*plan, doomed{kind: k, row: r})
	return nil
}

// heldBy finds an entity whose array field has the id.
func (m *Memory) heldBy(h childField, id string) (string, bool) {
	t := (*m.tables.Load())[h.kind.pos]
	for _, x := range t.sorted() {
		l, _ := t.peek(x)[h.field.Name].([]any)
		for _, e := range l {
			if e == id {
				return x.id, true
			}
		}
	}
	return "", false
}
