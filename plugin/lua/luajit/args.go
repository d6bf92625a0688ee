package luajit

import (
	"encoding/binary"
	"math"
	"slices"
)

// Args are encoded values, the arguments of an operation, that are decoded one
// by one when they are asked for. The zero Args are none.
type Args struct {
	b  []byte
	n  int
	at [10]uint32 // where the first values begin
}

// Set takes b, which must not change while a is used, and says whether it is
// well formed.
func (a *Args) Set(b []byte) bool {
	a.b, a.n = b, 0
	for rest := b; len(rest) > 0; a.n++ {
		if a.n < len(a.at) {
			a.at[a.n] = uint32(len(b) - len(rest))
		}
		var ok bool
		if rest, ok = skip(rest, 0); !ok {
			*a = Args{}
			return false
		}
	}
	return true
}

// Own makes a independent of the bytes that it was set to.
func (a *Args) Own() { a.b = slices.Clone(a.b) }

// N is their number.
func (a *Args) N() int { return a.n }

// raw is value i and what follows; nil if there is none.
func (a *Args) raw(i int) []byte {
	if i < 0 || i >= a.n {
		return nil
	}
	if i < len(a.at) {
		return a.b[a.at[i]:]
	}
	last := len(a.at) - 1
	b := a.b[a.at[last]:]
	for ; last < i; last++ {
		b, _ = skip(b, 0)
	}
	return b
}

// Encoded is value i as it was encoded, nil if there is none: a part of what a was set to. Equal bytes are equal
// values; a table encodes alike as long as nobody changes it.
func (a *Args) Encoded(i int) []byte {
	b := a.raw(i)
	if b == nil {
		return nil
	}
	rest, _ := skip(b, 0)
	return b[:len(b)-len(rest)]
}

// Value is value i as DecodeValues gives it, nil if there is none.
func (a *Args) Value(i int) any {
	b := a.raw(i)
	if b == nil {
		return nil
	}
	v, _, _ := decodeValue(b, 0)
	return v
}

// Number is value i if it is a number, else 0.
func (a *Args) Number(i int) float64 {
	b := a.raw(i)
	if b == nil {
		return 0
	}
	switch b[0] {
	case tagNumber:
		return math.Float64frombits(binary.NativeEndian.Uint64(b[1:]))
	case tagInt:
		return float64(int64(binary.NativeEndian.Uint64(b[1:])))
	}
	return 0
}

// Bytes is value i if it is a string: a part of what a was set to.
func (a *Args) Bytes(i int) []byte {
	b := a.raw(i)
	if b == nil || b[0] != tagString {
		return nil
	}
	n := binary.NativeEndian.Uint32(b[1:])
	return b[5 : 5+n : 5+n]
}

// Bool is Lua's truth of value i: anything but nil and false.
func (a *Args) Bool(i int) bool {
	b := a.raw(i)
	return b != nil && b[0] != tagNil && b[0] != tagFalse
}

// IsNil says whether value i is nil or missing.
func (a *Args) IsNil(i int) bool {
	b := a.raw(i)
	return b == nil || b[0] == tagNil
}

// skip passes over one value; false when b is malformed.
func skip(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth > maxDepth {
		return nil, false
	}
	tag := b[0]
	b = b[1:]
	switch tag {
	case tagNil, tagFalse, tagTrue, tagNull:
		return b, true
	case tagNumber, tagInt:
		if len(b) < 8 {
			return nil, false
		}
		return b[8:], true
	case tagString, tagList, tagMap, tagArray:
	default:
		return nil, false
	}
	if len(b) < 4 {
		return nil, false
	}
	n := int(binary.NativeEndian.Uint32(b))
	b = b[4:]
	if n > len(b) {
		return nil, false
	}
	switch tag {
	case tagString:
		return b[n:], true
	case tagMap:
		n *= 2
	}
	for range n {
		if b, ok = skip(b, depth+1); !ok {
			return nil, false
		}
	}
	return b, true
}
