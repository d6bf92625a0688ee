package message

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrRegionFull is returned when an exchange's heads and edits together outgrow
// their region: the request is refused, nothing else suffers.
var ErrRegionFull = errors.New("headers of this request exceed the memory of one exchange")

// ErrName is returned for a header name that is empty or longer than 65535 bytes.
var ErrName = errors.New("header name is empty or longer than 65535 bytes")

// regionSize is the address space of one exchange. Only touched pages cost
// memory. It bounds everything that heads and edits can grow to.
const regionSize = 1 << 20

// slabRegions is how many regions one mapping holds.
const slabRegions = 64

// keepBytes is how much of a used region stays resident when it returns to the pool.
const keepBytes = 16 << 10

// Pool hands out exchange regions. A Pool belongs to one worker and is not
// safe for concurrent use.
type Pool struct {
	free  []*Shared
	slabs [][]byte
}

// get gives a zeroed Shared with an empty region behind it.
func (p *Pool) get() (*Shared, error) {
	if len(p.free) == 0 {
		slab, err := unix.Mmap(-1, 0, regionSize*slabRegions, unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err != nil {
			return nil, err
		}
		p.slabs = append(p.slabs, slab)
		for i := slabRegions - 1; i >= 0; i-- {
			p.free = append(p.free, (*Shared)(unsafe.Pointer(&slab[i*regionSize])))
		}
	}
	s := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	*s = Shared{Used: sharedSize, Cap: regionSize}
	return s, nil
}

// put takes a region back. What a big request touched goes back to the system.
func (p *Pool) put(s *Shared) {
	if s.Used > keepBytes {
		all := unsafe.Slice((*byte)(unsafe.Pointer(s)), regionSize)
		_ = unix.Madvise(all[keepBytes:], unix.MADV_DONTNEED)
	}
	p.free = append(p.free, s)
}

// Close unmaps all regions. No exchange of the pool may be in use.
func (p *Pool) Close() {
	for _, s := range p.slabs {
		_ = unix.Munmap(s)
	}
	p.slabs, p.free = nil, nil
}

// alloc takes n bytes, aligned to 4; false when the region is full.
func (s *Shared) alloc(n uint32) (uint32, bool) {
	at := (s.Used + 3) &^ 3
	if n > s.Cap || at > s.Cap-n {
		return 0, false
	}
	s.Used = at + n
	return at, true
}

// raw is the region's bytes from off on.
func (s *Shared) raw(off, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(s), off)), n)
}

// Bytes is the content of v. It stays valid and unchanged until the exchange ends.
func (s *Shared) Bytes(v Str) []byte { return s.raw(v.Off, v.Len) }

// View is Bytes as a string, without a copy: keep it no longer than the exchange.
func (s *Shared) View(v Str) string {
	if v.Len == 0 {
		return ""
	}
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(s), v.Off)), int(v.Len))
}

// Put copies b into the region.
func (s *Shared) Put(b []byte) (Str, error) {
	if len(b) == 0 {
		return Str{}, nil
	}
	if len(b) > int(s.Cap) {
		return Str{}, ErrRegionFull
	}
	off, ok := s.alloc(uint32(len(b)))
	if !ok {
		return Str{}, ErrRegionFull
	}
	copy(s.raw(off, uint32(len(b))), b)
	return Str{off, uint32(len(b))}, nil
}

// PutString copies v into the region.
func (s *Shared) PutString(v string) (Str, error) {
	return s.Put(unsafe.Slice(unsafe.StringData(v), len(v)))
}

// Room gives n writable bytes at the end of the region; call Take with what
// was used before anything else is stored.
func (s *Shared) Room(n int) ([]byte, error) {
	at := (s.Used + 3) &^ 3
	if n < 0 || n > int(s.Cap) || at > s.Cap-uint32(n) {
		return nil, ErrRegionFull
	}
	return s.raw(at, uint32(n)), nil
}

// Take keeps the first n bytes of the last Room.
func (s *Shared) Take(n int) Str {
	at := (s.Used + 3) &^ 3
	s.Used = at + uint32(n)
	return Str{at, uint32(n)}
}
