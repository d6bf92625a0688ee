package message

import (
	"strconv"
	"strings"
	"unsafe"
)

// Lines adds the gateway's own fields to a head, written as the lines that
// HTTP/1.1 has for them and side by side, so that they are sent in one piece.
// Between OpenLines and Close nothing else may be stored in the region.
type Lines struct {
	s *Shared
	h *Head
	// have is the set of known names that h has.
	have uint64
	// room is what may be written yet, start its first line's place.
	room  []byte
	start uint32
}

var _ [64 - headerEnd]struct{} // have holds all known names

// OpenLines begins with lines of at most size bytes and n fields.
func (s *Shared) OpenLines(h *Head, n uint32, size int) (l Lines) {
	l.s, l.h = s, h
	fs := s.Fields(h)
	for i := range fs {
		if fs[i].Flags&FieldGone == 0 {
			l.have |= 1 << fs[i].ID
		}
	}
	if s.Reserve(h, h.N+n) == nil {
		l.open(size)
	}
	return l
}

func (l *Lines) open(size int) {
	if room, err := l.s.Room(size); err == nil {
		l.room, l.start = room[:0], (l.s.Used+3)&^3
	}
}

// Add gives the known name id the one value value. line is the name as it is
// spelled with ": " behind it. The caller answers for value: it can stand in a
// field line as it is. Errors of a full region leave the field out.
func (l *Lines) Add(id KnownHeader, line, value string) {
	if !l.fits(id, len(line)+len(value)) {
		_ = l.apart(line, value)
		return
	}
	b := append(l.room, line...)
	l.close(id, len(line), append(b, value...))
}

// AddInt is Add with a number.
func (l *Lines) AddInt(id KnownHeader, line string, n int64) {
	if !l.fits(id, len(line)+20) {
		_ = l.apart(line, strconv.FormatInt(n, 10))
		return
	}
	b := append(l.room, line...)
	l.close(id, len(line), AppendInt(b, n))
}

// fits says whether the field can be a line behind the others: it must be new.
func (l *Lines) fits(id KnownHeader, size int) bool {
	return l.have&(1<<id) == 0 && cap(l.room)-len(l.room) >= size+len("\r\n") && l.h.N < l.h.Cap
}

// close makes the field of what b has more than l.room; line is the length of
// its name with ": ".
func (l *Lines) close(id KnownHeader, line int, b []byte) {
	at := l.start + uint32(len(l.room))
	value := at + uint32(line)
	f := (*Field)(unsafe.Add(unsafe.Pointer(l.s), l.h.Tab+l.h.N*fieldSize)) // OpenLines reserved it
	*f = Field{
		Name:  Str16{Off: at, Len: uint16(line - len(": "))},
		Value: Str{value, l.start + uint32(len(b)) - value},
		Flags: FieldEdited | FieldLine, ID: id,
	}
	l.h.N++
	l.room = append(b, '\r', '\n')
	l.have |= 1 << id
}

// apart sets a field that is no line of ours.
func (l *Lines) apart(line, value string) error {
	left := cap(l.room) - len(l.room)
	l.Close()
	err := l.s.Set(l.h, strings.TrimSuffix(line, ": "), value)
	if left > 0 {
		l.open(left)
	}
	return err
}

// Close keeps what was added.
func (l *Lines) Close() {
	if l.room != nil {
		l.s.Take(len(l.room))
		l.room = nil
	}
}

// Has says whether the head has a field of the known name id.
func (l *Lines) Has(id KnownHeader) bool { return l.have&(1<<id) != 0 }
