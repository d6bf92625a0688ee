package http1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of the bytes that a field name may have (token, RFC 9110 section
// 5.6.2). 0 is no byte of a name.
const (
	nameUsual      uint8 = 1 << iota // letters, digits, '-'
	nameUnderscore                   // '_'
	nameOdd                          // the other token bytes
)

// nameWild are bytes that no name may have, though nginx takes them in a
// request's: all but controls, the blank and the colon. Such fields are left out.
const nameWild uint8 = 1 << 7

// requestName is nameClass with nameWild.
var requestName [256]uint8

// nameClass tells the class of a byte in a field name.
var nameClass [256]uint8

func init() {
	for c := '0'; c <= 'z'; c++ {
		if c <= '9' || c >= 'a' || c >= 'A' && c <= 'Z' {
			nameClass[c] = nameUsual
		}
	}
	for _, c := range "!#$%&'*+.^`|~" {
		nameClass[c] = nameOdd
	}
	nameClass['-'], nameClass['_'] = nameUsual, nameUnderscore
	requestName = nameClass
	for c := '!'; c <= 255; c++ {
		if requestName[c] == 0 && c != ':' && c != 127 {
			requestName[c] = nameWild
		}
	}
}

// badValue: no field value may have c, a control other than tab (RFC 9110 section 5.5).
func badValue(c byte) bool { return c < ' ' && c != '\t' || c == 127 }

// validValue says whether v has no byte that is bad in a field value.
func validValue(v []byte) bool { return valueEnd(v, 0) == len(v) }

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// below finds the first byte of b[i:] that is less than limit (at most 128)
// or 127, len(b) without any. Eight bytes are looked at at a time: a borrow
// can only make bytes behind the first match look like matches.
func below(b []byte, i int, limit byte) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		y := x ^ 127*ones
		if m := ((x-uint64(limit)*ones)&^x | (y-ones)&^y) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] < limit || b[i] == 127 {
			return i
		}
	}
	return i
}

// valueEnd finds the first byte of b[i:] that is bad in a field value.
func valueEnd(b []byte, i int) int {
	for i < len(b) {
		if i += textLength(&b[i], len(b)-i); i == len(b) || b[i] != '\t' {
			break
		}
		i++
	}
	return i
}

// slowTextLength, slowLineBreak and slowUsualLine are what scan_amd64.s does
// sixteen bytes at a time.
func slowTextLength(b []byte) int { return below(b, 0, ' ') }

func slowLineBreak(b []byte) int {
	for i := 1; i < len(b); i++ {
		if b[i-1] == '\n' && b[i] == '\r' {
			return i - 1
		}
	}
	return len(b)
}

func slowUsualLine(b []byte) (name, value, end int) {
	for name < len(b) && nameClass[b[name]] == nameUsual {
		name++
	}
	if name == 0 || name+2 >= len(b) || b[name] != ':' {
		return 0, 0, -1
	}
	if value = name + 1; b[value] == ' ' {
		if value++; b[value] == ' ' {
			return 0, 0, -1
		}
	}
	if end = value + slowTextLength(b[value:]); end+1 >= len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return 0, 0, -1
	}
	return name, value, end
}

// methodByte: nginx takes upper-case letters, '_' and '-' as a method.
func methodByte(c byte) bool { return 'A' <= c && c <= 'Z' || c == '_' || c == '-' }

// blank is optional white space around values (RFC 9110 section 5.6.3).
func blank(c byte) bool { return c == ' ' || c == '\t' }
