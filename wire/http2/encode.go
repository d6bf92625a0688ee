package http2

import (
	"hash/maphash"
	"strings"
)

const (
	// tableSize bounds our table, whatever the peer allows: the default size.
	tableSize = 4096
	// encoderEntries bounds how many entries of the table we remember.
	encoderEntries = 64
	// entryOverhead is added to each entry's size (RFC 7541 section 4.1).
	entryOverhead = 32
	// maxEntry keeps one value from displacing all others.
	maxEntry = tableSize / 4
)

// encoder writes header blocks (HPACK, RFC 7541). A field goes into the table
// when it is seen for the second time, so that request ids and the like never
// displace what repeats. Strings go out as they are: Huffman coding costs more
// processor time than the bytes are worth once the table holds what repeats.
type encoder struct {
	// max is the table size in use, size what the entries take.
	max, size int
	// Size updates that the next block must begin with: lowest, then max.
	lowest  int
	resized bool
	// Entries inserted so far are numbered up to ins; those from low on are in use.
	ins, low uint32
	entries  []encoderEntry
	hashes   [encoderEntries]uint32
	// seen has the hashes of fields that were seen once.
	seen [encoderEntries]uint32
}

type encoderEntry struct{ name, value string }

var hashSeed = maphash.MakeSeed()

func newEncoder() encoder { return encoder{max: tableSize, lowest: tableSize} }

// limit takes the peer's SETTINGS_HEADER_TABLE_SIZE.
func (e *encoder) limit(n uint32) {
	m := int(min(n, tableSize))
	if m == e.max && !e.resized {
		return
	}
	e.lowest = min(e.lowest, m)
	e.max, e.resized = m, true
	e.evict(0)
}

// evict makes room for n bytes.
func (e *encoder) evict(n int) {
	for e.low != e.ins && (e.size+n > e.max || e.ins-e.low >= encoderEntries) {
		x := &e.entries[e.low%encoderEntries]
		e.size -= len(x.name) + len(x.value) + entryOverhead
		*x = encoderEntry{}
		e.low++
	}
}

// begin starts a block.
func (e *encoder) begin(dst []byte) []byte {
	if !e.resized {
		return dst
	}
	if e.lowest < e.max {
		// The limit went down and up again. The table is emptied, not only cut
		// to the lowest limit: x/net's decoder takes a second update only then.
		dst = append(dst, 0x20)
		e.low, e.size = e.ins, 0
		clear(e.entries)
	}
	dst = appendInt(dst, 0x20, 5, uint64(e.max))
	e.resized, e.lowest = false, e.max
	return dst
}

// field appends a field; name must be in lower case. Neither string is kept
// unless it is copied.
func (e *encoder) field(dst []byte, name, value string) []byte {
	static := staticName[name]
	if static != 0 {
		for i := int(static); i <= len(staticTable) && staticTable[i-1][0] == name; i++ {
			if staticTable[i-1][1] == value && value != "" {
				return appendInt(dst, 0x80, 7, uint64(i))
			}
		}
		if sensitive(name, value) {
			return appendLiteral(dst, 0x10, 4, static, name, value)
		}
	}
	size := len(name) + len(value) + entryOverhead
	if size > maxEntry || size > e.max {
		return appendLiteral(dst, 0, 4, static, name, value)
	}
	h := fieldHash(name, value)
	for i := e.ins; i != e.low; i-- {
		if at := (i - 1) % encoderEntries; e.hashes[at] == h {
			if x := &e.entries[at]; x.value == value && x.name == name {
				return appendInt(dst, 0x80, 7, uint64(e.ins-i)+uint64(len(staticTable))+1)
			}
		}
	}
	if once := &e.seen[h%encoderEntries]; *once != h {
		*once = h
		return appendLiteral(dst, 0, 4, static, name, value)
	}
	e.insert(h, name, value, size)
	return appendLiteral(dst, 0x40, 6, static, name, value)
}

func (e *encoder) insert(h uint32, name, value string, size int) {
	e.evict(size)
	if e.entries == nil {
		e.entries = make([]encoderEntry, encoderEntries)
	}
	at := e.ins % encoderEntries
	e.entries[at] = encoderEntry{strings.Clone(name), strings.Clone(value)}
	e.hashes[at] = h
	e.ins++
	e.size += size
}

// sensitive fields are never indexed, so that their values cannot be guessed
// from the size of blocks (RFC 7541 section 7.1.3).
func sensitive(name, value string) bool {
	switch name {
	case "authorization", "proxy-authorization", "set-cookie":
		return true
	case "cookie":
		return len(value) < 20
	}
	return false
}

// fieldHash is never 0, which stands for no field.
func fieldHash(name, value string) uint32 {
	h := maphash.String(hashSeed, name)*31 ^ maphash.String(hashSeed, value)
	return uint32(h^h>>32) | 1
}

// appendInt appends an integer with a prefix of bits below the pattern.
func appendInt(dst []byte, pattern byte, bits uint, v uint64) []byte {
	k := uint64(1)<<bits - 1
	if v < k {
		return append(dst, pattern|byte(v))
	}
	dst = append(dst, pattern|byte(k))
	for v -= k; v >= 128; v >>= 7 {
		dst = append(dst, 0x80|byte(v&0x7f))
	}
	return append(dst, byte(v))
}

func appendLiteral(dst []byte, pattern byte, bits uint, index uint8, name, value string) []byte {
	dst = appendInt(dst, pattern, bits, uint64(index))
	if index == 0 {
		dst = appendInt(dst, 0, 7, uint64(len(name)))
		dst = append(dst, name...)
	}
	dst = appendInt(dst, 0, 7, uint64(len(value)))
	return append(dst, value...)
}
