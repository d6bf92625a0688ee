package dao

import (
	"sync"
	"sync/atomic"
)

// packFrom is the number of entities of a kind from which they are packed:
// below, speed matters and memory does not.
const packFrom = 20_000

// hotSize is how many packed entities of a kind are kept unpacked as well.
const hotSize = 8192

// row is a stored entity: as a record, packed, or both.
type row struct {
	rec    atomic.Pointer[Record]
	packed string
	id     string
	ws     uint32
	// expires is the Unix time in milliseconds at which the row is gone, 0 never.
	expires int64
}

func (r *row) live() bool { return r.expires == 0 || r.expires > nowMilli() }

// hot remembers which packed rows are unpacked as well, oldest first.
type hot struct {
	mu   sync.Mutex
	ring []*row
	next int
}

// keep notes that r was unpacked and lets the oldest go.
func (h *hot) keep(r *row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		h.ring = make([]*row, hotSize)
	}
	if old := h.ring[h.next]; old != nil && old != r {
		old.rec.Store(nil)
	}
	h.ring[h.next] = r
	h.next = (h.next + 1) % hotSize
}

// record is the row's record; it stays unpacked for a while.
func (t *table) record(r *row) Record {
	if p := r.rec.Load(); p != nil {
		return *p
	}
	rec := t.unpack(r)
	r.rec.Store(&rec)
	t.hot.keep(r)
	return rec
}

// peek is record for walks over many rows, which must not drive out what
// requests use.
func (t *table) peek(r *row) Record {
	if p := r.rec.Load(); p != nil {
		return *p
	}
	return t.unpack(r)
}

func (t *table) unpack(r *row) Record {
	rec := t.kind.unpack(r.packed)
	if t.kind.schema.Workspaceable {
		rec["ws_id"] = t.spaceID(r.ws)
	}
	return rec
}

// squeeze packs a row whose record is no longer needed as a map.
func (t *table) squeeze(r *row) {
	p := r.rec.Load()
	if p == nil {
		return
	}
	s, ok := t.kind.pack(*p)
	if !ok {
		return
	}
	r.packed = s
	// the keys of the indexes share the packed bytes, not the old record's
	if len(t.kind.pk) == 1 {
		if id, ok := t.kind.unpackString(s, t.kind.pk[0]); ok {
			r.id = id
		}
	}
	r.rec.Store(nil)
}

// unpackString finds a string field in a packed record without unpacking the
// rest; a reference counts as its id.
func (k *kind) unpackString(s, field string) (string, bool) {
	u := unpacker{s: s}
	for n := u.uint(); n > 0; n-- {
		name := ""
		if i := u.byte(); i == unnamed {
			name = u.text()
		} else {
			name = k.schema.Fields[i].Name
		}
		if name == field {
			tag := u.byte()
			if tag == tagString || tag == tagRef {
				return u.text(), true
			}
			return "", false
		}
		u.skip()
	}
	return "", false
}

// skip passes over a value.
func (u *unpacker) skip() {
	switch u.byte() {
	case tagString, tagRef:
		u.text()
	case tagInt:
		u.uint()
	case tagFloat:
		u.at += 8
	case tagList:
		for n := u.uint(); n > 0; n-- {
			u.skip()
		}
	case tagMap:
		for n := u.uint(); n > 0; n-- {
			u.text()
			u.skip()
		}
	}
}
