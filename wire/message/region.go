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

// The memory of one exchange: a first part with the Shared record and what a
// short request needs, a second one for those of usual length, and the address
// space behind them, of which only touched pages cost memory. Each part is used
// when the one before is full. Together they bound what heads and edits can
// grow to. The first two lie densely with those of other exchanges, so that ten
// thousand requests that wait for something do not hold a page each.
const (
	firstSize  = 768
	secondSize = 4<<10 - firstSize
	regionSize = 1 << 20
)

// slabRegions is how many regions one mapping holds: all first parts, all
// second parts, then the large ones.
const slabRegions = 64

// keepBytes is how much of a large part stays resident when it returns to the pool.
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
		slab, err := unix.Mmap(-1, 0, (firstSize+secondSize+regionSize)*slabRegions, unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err != nil {
			return nil, err
		}
		p.slabs = append(p.slabs, slab)
		for i := slabRegions - 1; i >= 0; i-- {
			s := (*Shared)(unsafe.Pointer(&slab[i*firstSize]))
			s.home = uint32(i)
			p.free = append(p.free, s)
		}
	}
	s := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	i := s.home
	*s = Shared{Used: sharedSize, Cap: firstSize, home: i,
		Second: slabRegions*firstSize + i*(secondSize-firstSize),
		Large:  slabRegions*(firstSize+secondSize) + i*(regionSize-firstSize)}
	return s, nil
}

// put takes a region back. What a big request touched goes back to the system.
func (p *Pool) put(s *Shared) {
	if s.Large == 0 {
		if at := s.Cap - regionSize; s.Used-at > keepBytes {
			_ = unix.Madvise(s.raw(at+keepBytes, regionSize-keepBytes), unix.MADV_DONTNEED)
		}
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

// fits says whether n bytes, aligned to 4, fit behind Used, if need be after a
// move to the next part; false when the region is full.
func (s *Shared) fits(n uint32) bool {
	at := (s.Used + 3) &^ 3
	return n <= s.Cap && at <= s.Cap-n || s.grow(n)
}

// grow moves on to the next part that has room for n bytes.
func (s *Shared) grow(n uint32) bool {
	switch {
	case s.Second != 0 && n <= secondSize:
		s.Used, s.Cap = s.Second, s.Second+secondSize
		s.Second = 0
	case s.Large != 0 && n <= regionSize:
		s.Used, s.Cap = s.Large, s.Large+regionSize
		s.Second, s.Large = 0, 0
	default:
		return false
	}
	return true
}

// alloc takes n bytes, aligned to 4; false when the region is full.
func (s *Shared) alloc(n uint32) (uint32, bool) {
	if !s.fits(n) {
		return 0, false
	}
	at := (s.Used + 3) &^ 3
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
	if len(b) > regionSize {
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
	if n < 0 || n > regionSize || !s.fits(uint32(n)) {
		return nil, ErrRegionFull
	}
	return s.raw((s.Used+3)&^3, uint32(n)), nil
}

// Take keeps the first n bytes of the last Room.
func (s *Shared) Take(n int) Str {
	at := (s.Used + 3) &^ 3
	s.Used = at + uint32(n)
	return Str{at, uint32(n)}
}
