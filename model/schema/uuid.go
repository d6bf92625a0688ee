package schema

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
)

// NewUUID makes a random (version 4) UUID.
func NewUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return formatUUID(b)
}

// UUIDv5 makes the name-based UUID of name in a namespace, itself a UUID.
func UUIDv5(namespace, name string) string {
	ns, _ := parseUUID(namespace)
	h := sha1.New()
	h.Write(ns[:])
	h.Write([]byte(name))
	var b [16]byte
	copy(b[:], h.Sum(nil))
	b[6] = b[6]&0x0f | 0x50
	b[8] = b[8]&0x3f | 0x80
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

func parseUUID(s string) (b [16]byte, ok bool) {
	if !IsUUID(s) {
		return b, false
	}
	var hexed [32]byte
	n := 0
	for i := range len(s) {
		if s[i] != '-' {
			hexed[n] = s[i]
			n++
		}
	}
	hex.Decode(b[:], hexed[:])
	return b, true
}

// IsUUID tells if s has the form of a UUID (8-4-4-4-12 hex digits).
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			c := s[i]
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

// RandomString makes the value of an automatic string: 32 letters and digits.
func RandomString() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, 0, 32)
	var buf [48]byte
	for {
		rand.Read(buf[:])
		for _, c := range buf {
			// 248 is the largest multiple of 62 in a byte: no bias
			if c < 248 {
				if out = append(out, letters[c%62]); len(out) == 32 {
					return string(out)
				}
			}
		}
	}
}
