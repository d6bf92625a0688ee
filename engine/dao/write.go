package dao

import (
	"context"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// MaxTTL is the longest time to live of an entity, in seconds.
const MaxTTL = 100_000_000

// Insert implements a new entity.
func (s *kindStore) Insert(_ context.Context, ws string, rec Record, o WriteOptions) (Record, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, err := s.prepare(ws, rec, o, schema.Insert)
	if err != nil {
		return nil, err
	}
	t := s.table()
	r, err := s.newRow(ws, rec, o, nil)
	if err != nil {
		return nil, err
	}
	if old, ok := t.rows.get(key{0, r.id}); ok && old.live() {
		return nil, s.primaryViolation(rec)
	}
	if err := s.admit(t, r); err != nil {
		return nil, err
	}
	s.dropExpired(t, r)
	t.insert(r)
	m.notify([]Change{{Op: Created, Kind: s.k.name, New: rec}})
	return rec, nil
}

// Update implements a change of some fields.
func (s *kindStore) Update(_ context.Context, ws, id string, patch Record, o WriteOptions) (Record, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	t := s.table()
	n, _ := m.space(ws)
	old, ok := t.rows.get(key{0, id})
	if !ok || !s.visible(old, n) {
		return nil, s.notFound(id)
	}
	patch, err := s.resolveForeign(ws, patch)
	if err != nil {
		return nil, err
	}
	patch = without(patch, s.k.pk...)
	rec, err := s.k.schema.ProcessUpdate(patch, t.record(old))
	if err != nil {
		return nil, asViolation(err)
	}
	return s.replace(t, ws, old, rec, o)
}

// Upsert implements "store this under that id".
func (s *kindStore) Upsert(_ context.Context, ws, id string, rec Record, o WriteOptions) (Record, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(s.k.pk) == 1 {
		rec = with(rec, s.k.pk[0], id)
	}
	t := s.table()
	n, _ := m.space(ws)
	old, exists := t.rows.get(key{0, id})
	exists = exists && s.visible(old, n)
	if exists && rec["created_at"] == nil {
		if at := t.record(old)["created_at"]; at != nil {
			rec = with(rec, "created_at", at)
		}
	}
	rec, err := s.prepare(ws, rec, o, schema.Upsert)
	if err != nil {
		return nil, err
	}
	if exists {
		return s.replace(t, ws, old, rec, o)
	}
	r, err := s.newRow(ws, rec, o, nil)
	if err != nil {
		return nil, err
	}
	if err := s.admit(t, r); err != nil {
		return nil, err
	}
	s.dropExpired(t, r)
	t.insert(r)
	m.notify([]Change{{Op: Created, Kind: s.k.name, New: rec}})
	return rec, nil
}

// replace puts a new version of a row in place of the old.
func (s *kindStore) replace(t *table, ws string, old *row, rec Record, o WriteOptions) (Record, error) {
	r, err := s.newRow(ws, rec, o, old)
	if err != nil {
		return nil, err
	}
	if err := s.admit(t, r); err != nil {
		return nil, err
	}
	before := t.peek(old)
	t.remove(old)
	t.insert(r)
	s.m.notify([]Change{{Op: Updated, Kind: s.k.name, New: rec, Old: before}})
	return rec, nil
}

// prepare resolves references and validates.
func (s *kindStore) prepare(ws string, rec Record, o WriteOptions, ctx schema.Context) (Record, error) {
	if o.Trusted {
		return rec, nil
	}
	rec, err := s.resolveForeign(ws, rec)
	if err != nil {
		return nil, err
	}
	if id, ok := rec["id"].(string); ok && schema.IsUUID(id) {
		rec = with(rec, "id", strings.ToLower(id))
	}
	rec, err = s.k.schema.Process(rec, ctx)
	if err != nil {
		return nil, asViolation(err)
	}
	return rec, nil
}

// resolveForeign turns references by a unique field ({name = …}) into ids.
func (s *kindStore) resolveForeign(ws string, rec Record) (Record, error) {
	for _, f := range s.k.foreign {
		ref, ok := rec[f.Name].(map[string]any)
		if !ok || ref["id"] != nil {
			continue
		}
		parent := s.m.kinds[f.Reference]
		for field, v := range ref {
			name, ok := v.(string)
			if !ok || parent.k.uniqueAt(field) < 0 {
				continue
			}
			found, ok := parent.By(ws, field, name)
			if !ok {
				text := fmt.Sprintf("the foreign key cannot be resolved with '%s' for an existing '%s' entity",
					schema.Compact(map[string]any{field: name}), f.Reference)
				return nil, &Error{Code: ForeignKeysUnresolved,
					Fields:  map[string]any{f.Name: map[string]any{field: text}},
					Message: fmt.Sprintf("foreign key unresolved (%s.%s: %s)", f.Name, field, text)}
			}
			rec = with(rec, f.Name, map[string]any{"id": found["id"]})
			break
		}
	}
	return rec, nil
}

// newRow completes a record with its workspace and drops transient fields.
func (s *kindStore) newRow(ws string, rec Record, o WriteOptions, old *row) (*row, error) {
	r := &row{id: s.k.idOf(rec), ws: s.m.addSpace(ws)}
	r.rec.Store(&rec)
	if s.k.schema.Workspaceable {
		if ws == s.m.workspace {
			rec["ws_id"] = s.m.wsAny
		} else {
			rec["ws_id"] = ws
		}
	} else {
		r.ws = 1
	}
	for i := range s.k.schema.Fields {
		if f := &s.k.schema.Fields[i]; f.Transient {
			delete(rec, f.Name)
		}
	}
	if !s.k.schema.TTL {
		return r, nil
	}
	switch {
	case o.TTL < 0 || o.TTL > MaxTTL:
		return nil, &Error{Code: InvalidOptions, Fields: map[string]any{"ttl": "must be an integer between 0 and 100000000"},
			Message: "invalid option (ttl: must be an integer between 0 and 100000000)"}
	case o.TTL > 0:
		r.expires = nowMilli() + o.TTL*1000
	case old != nil:
		r.expires = old.expires
	}
	return r, nil
}

// admit checks uniqueness and that what a row points to exists.
func (s *kindStore) admit(t *table, r *row) error {
	for _, f := range s.k.foreign {
		ref, ok := t.peek(r)[f.Name].(map[string]any)
		if !ok {
			continue
		}
		parent := s.m.kinds[f.Reference]
		id := scalarKey(ref)
		p, ok := parent.table().rows.get(key{0, id})
		if !ok && s.k.name == f.Reference && id == r.id {
			continue
		}
		if !ok || !parent.visible(p, r.ws) {
			return foreignViolation(f.Name, f.Reference, ref)
		}
	}
	if c := t.conflict(r); c != nil {
		return uniqueViolation(c)
	}
	return nil
}

// dropExpired removes rows that are gone but still hold r's keys.
func (s *kindStore) dropExpired(t *table, r *row) {
	if !s.k.schema.TTL {
		return
	}
	if old, ok := t.rows.get(key{0, r.id}); ok {
		t.remove(old)
	}
	for i := range t.unique {
		if k, ok := t.uniqueKey(i, r); ok {
			if old, ok := t.unique[i].get(k); ok && old.id != r.id {
				t.remove(old)
			}
		}
	}
}

// Expire removes what is past its time to live. Expired entities are never
// shown, so this only gives memory back; call it every minute or so.
func (m *Memory) Expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.order {
		if !k.schema.TTL {
			continue
		}
		t := (*m.tables.Load())[k.pos]
		var gone []*row
		t.rows.each(func(_ key, r *row) bool {
			if !r.live() {
				gone = append(gone, r)
			}
			return true
		})
		for _, r := range gone {
			t.remove(r)
		}
	}
}

// TTL is the number of seconds that an entity of a kind that expires has
// left; ok is false where it stays.
func (m *Memory) TTL(kind, id string) (seconds float64, ok bool) {
	k, found := m.kinds[kind]
	if !found {
		return 0, false
	}
	r, found := k.table().rows.get(key{0, id})
	if !found || r.expires == 0 || !r.live() {
		return 0, false
	}
	return float64(r.expires-nowMilli()) / 1000, true
}

func (s *kindStore) primaryViolation(rec Record) error {
	f := map[string]any{}
	for _, n := range s.k.pk {
		f[n] = rec[n]
	}
	return primaryViolation(f)
}

func (s *kindStore) notFound(id string) error {
	f := map[string]any{s.k.pk[0]: id}
	return &Error{Code: NotFound, Fields: f,
		Message: fmt.Sprintf("could not find the entity with primary key '%s'", schema.Compact(f))}
}

// with returns a copy of rec with one field set; rec may be the caller's.
func with(rec Record, field string, v any) Record {
	out := make(Record, len(rec)+1)
	for k, x := range rec {
		out[k] = x
	}
	out[field] = v
	return out
}

func without(rec Record, fields ...string) Record {
	out := make(Record, len(rec))
	for k, x := range rec {
		out[k] = x
	}
	for _, f := range fields {
		delete(out, f)
	}
	return out
}
