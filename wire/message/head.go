package message

import "unsafe"

// Fields is the table of h, removed fields included; look at Flags.
func (s *Shared) Fields(h *Head) []Field {
	if h.N == 0 {
		return nil
	}
	return unsafe.Slice((*Field)(unsafe.Add(unsafe.Pointer(s), h.Tab)), h.N)
}

// Reserve makes room for n fields in h.
func (s *Shared) Reserve(h *Head, n uint32) error {
	if n <= h.Cap {
		return nil
	}
	n = max(n, 2*h.Cap, 8)
	if n > regionSize/fieldSize {
		return ErrRegionFull
	}
	off, ok := s.alloc(n * fieldSize)
	if !ok {
		return ErrRegionFull
	}
	if h.N > 0 {
		copy(s.raw(off, h.N*fieldSize), s.raw(h.Tab, h.N*fieldSize))
	}
	h.Tab, h.Cap = off, n
	return nil
}

// Append adds a field whose bytes lie in the region already.
func (s *Shared) Append(h *Head, f Field) error {
	if h.N == h.Cap {
		if err := s.Reserve(h, h.N+1); err != nil {
			return err
		}
	}
	*(*Field)(unsafe.Add(unsafe.Pointer(s), h.Tab+h.N*fieldSize)) = f
	h.N++
	return nil
}

// Extend appends n fields for the caller to fill in, all of them, before
// anything else is done with the region.
func (s *Shared) Extend(h *Head, n uint32) ([]Field, error) {
	if err := s.Reserve(h, h.N+n); err != nil || n == 0 {
		return nil, err
	}
	fs := unsafe.Slice((*Field)(unsafe.Add(unsafe.Pointer(s), h.Tab+h.N*fieldSize)), n)
	h.N += n
	return fs, nil
}

// NameOf is f's name as written.
func (s *Shared) NameOf(f *Field) []byte { return s.raw(f.Name.Off, uint32(f.Name.Len)) }

// ValueOf is f's value.
func (s *Shared) ValueOf(f *Field) []byte { return s.raw(f.Value.Off, f.Value.Len) }

// Find is the first field called name (any case), nil if there is none.
func (s *Shared) Find(h *Head, name string) *Field {
	fs := s.Fields(h)
	for i := range fs {
		f := &fs[i]
		if int(f.Name.Len) == len(name) && f.Flags&FieldGone == 0 && EqualFold(s.NameOf(f), name) {
			return f
		}
	}
	return nil
}

// FindID is the first field of a known name, nil if there is none.
func (s *Shared) FindID(h *Head, id KnownHeader) *Field {
	fs := s.Fields(h)
	for i := range fs {
		if fs[i].ID == id && fs[i].Flags&FieldGone == 0 {
			return &fs[i]
		}
	}
	return nil
}

// Get is the first value of name, "" if there is none: a view into the region.
func (s *Shared) Get(h *Head, name string) string {
	if f := s.Find(h, name); f != nil {
		return s.View(f.Value)
	}
	return ""
}

// Add appends a field, copying name and value. The error is ErrName or
// ErrRegionFull, and then nothing changed.
func (s *Shared) Add(h *Head, name, value string) error {
	if len(name) == 0 || len(name) > 65535 {
		return ErrName
	}
	n, err := s.PutString(name)
	if err != nil {
		return err
	}
	v, err := s.PutString(value)
	if err != nil {
		return err
	}
	return s.Append(h, Field{Name: Str16{Off: n.Off, Len: uint16(n.Len)}, Value: v, Flags: FieldEdited, ID: Known(name)})
}

// Set gives name one value: the first field takes it and its place, the
// others go, and without any it is appended. A field that was hop-by-hop
// because the message named it so is no longer. Errors are Add's.
func (s *Shared) Set(h *Head, name, value string) error {
	first := s.Find(h, name)
	if first == nil {
		return s.Add(h, name, value)
	}
	v, err := s.PutString(value)
	if err != nil {
		return err
	}
	written := first.Name // mostly as it is written now
	if string(s.NameOf(first)) != name {
		n, err := s.PutString(name)
		if err != nil {
			return err
		}
		written.Off = n.Off
	}
	flags := FieldEdited
	if first.Flags&(FieldEdited|FieldReplaced) != FieldEdited {
		flags |= FieldReplaced
	}
	s.Del(h, name)
	first.Name, first.Value, first.Flags = written, v, flags
	return nil
}

// Del removes every field called name and says whether there was one.
func (s *Shared) Del(h *Head, name string) bool {
	found := false
	fs := s.Fields(h)
	for i := range fs {
		f := &fs[i]
		if int(f.Name.Len) == len(name) && f.Flags&FieldGone == 0 && EqualFold(s.NameOf(f), name) {
			f.Flags |= FieldGone
			found = true
		}
	}
	return found
}

// Clear empties h.
func (s *Shared) Clear(h *Head) { h.N = 0 }

// EqualFold compares ASCII names without regard to case.
func EqualFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		x, y := b[i], name[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}
