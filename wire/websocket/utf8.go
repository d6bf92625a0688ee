package websocket

import "unicode/utf8"

// textCheck validates UTF-8 that comes in pieces, as early as it can.
type textCheck struct {
	rest [utf8.UTFMax]byte
	n    int // of rest: the beginning of a character that is not complete
}

// add says whether what came so far may still become valid.
func (t *textCheck) add(p []byte) bool {
	for t.n > 0 && len(p) > 0 {
		t.rest[t.n] = p[0]
		t.n++
		p = p[1:]
		if utf8.FullRune(t.rest[:t.n]) {
			if r, size := utf8.DecodeRune(t.rest[:t.n]); r == utf8.RuneError && size == 1 {
				return false
			}
			t.n = 0
		}
	}
	if len(p) == 0 || t.n > 0 {
		return true
	}
	// Cut off a character that is not complete: it begins in the last three bytes.
	end := len(p)
	for i := end - 1; i >= 0 && i >= end-utf8.UTFMax+1; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				end = i
			}
			break
		}
	}
	if !utf8.Valid(p[:end]) {
		return false
	}
	t.n = copy(t.rest[:], p[end:])
	return true
}

// done says whether the text ended with a whole character, and begins anew.
func (t *textCheck) done() bool {
	n := t.n
	t.n = 0
	return n == 0
}
