package http1

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// maxChunkLine bounds a chunk-size line with its extensions.
const maxChunkLine = 4096

// maxTrailer bounds the trailer section.
const maxTrailer = 32 << 10

// A body may not consist of framing: beyond freeFraming bytes of size lines,
// each chunk must bring half as many bytes of data as its line is longer than
// usualFraming bytes.
const (
	freeFraming  = 8 << 10
	usualFraming = 16
)

// Decoder takes a message body off the wire: by length, by chunks (RFC 9112
// section 7.1) or until the connection ends. The zero Decoder has no body.
type Decoder struct {
	kind   message.BodyKind
	state  chunkState
	done   bool
	bad    bool  // an error was found: it stays
	left   int64 // of the length, or of the chunk
	line   int   // bytes of the current size line
	excess int64 // of framing, see freeFraming
	// Trailer collects the trailer section of a chunked body, CRLFs included.
	Trailer []byte
}

type chunkState uint8

const (
	chunkSize chunkState = iota // at a size line's start
	chunkDigits
	chunkBlank // behind the size
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
)

// Begin sets d to a body of that kind and length.
func (d *Decoder) Begin(kind message.BodyKind, length int64) {
	*d = Decoder{kind: kind, left: length, Trailer: d.Trailer[:0]}
	if cap(d.Trailer) > maxChunkLine {
		d.Trailer = nil // a big one must not stay with a pooled request
	}
	switch kind {
	case message.BodyLength:
		d.done = length == 0
	case message.BodyChunked:
		d.left = 0
	}
}

// Done says that the whole body was taken.
func (d *Decoder) Done() bool { return d.done || d.kind == message.BodyNone }

// Left is how much of a body with a length is missing.
func (d *Decoder) Left() int64 { return d.left }

// EOF tells d that the connection ended: true if that ends the body properly.
func (d *Decoder) EOF() bool {
	if d.kind == message.BodyUntilClose {
		d.done = true
	}
	return d.Done()
}

// Decode takes what it can from the front of b. data is the next piece of the
// body, a slice of b (nil if there is none yet); n is how many bytes of b are
// used up. Call it again with the rest until n is 0 or the body is done. After
// an error every call returns it.
func (d *Decoder) Decode(b []byte) (data []byte, n int, err error) {
	if d.Done() || len(b) == 0 {
		return nil, 0, nil
	}
	switch d.kind {
	case message.BodyUntilClose:
		return b, len(b), nil
	case message.BodyLength:
		n = int(min(int64(len(b)), d.left))
		d.left -= int64(n)
		d.done = d.left == 0
		return b[:n], n, nil
	}
	if d.bad {
		return nil, 0, ErrBad
	}
	data, n, err = d.chunked(b)
	d.bad = err != nil
	return data, n, err
}

// Gather is Decode for as much of b as there is: the pieces of several chunks
// are moved together within b, so that they can be handed on at once. What b
// holds in front of n is not to be used again. An error behind good data comes
// with the next call.
func (d *Decoder) Gather(b []byte) (data []byte, n int, err error) {
	data, n, err = d.Decode(b)
	for err == nil && n < len(b) && !d.Done() {
		more, k, e := d.Decode(b[n:])
		if e != nil && len(data) == 0 {
			return nil, n, e
		}
		if e != nil || k == 0 {
			break
		}
		if n += k; len(data) == 0 {
			data = more
		} else {
			data = append(data, more...) // b's own memory: more lies behind
		}
	}
	return data, n, err
}

func (d *Decoder) chunked(b []byte) (data []byte, n int, err error) {
	for n < len(b) && !d.done {
		if d.state == chunkData {
			k := int(min(int64(len(b)-n), d.left))
			data = b[n : n+k]
			n += k
			if d.left -= int64(k); d.left == 0 {
				d.state = chunkDataCR
			}
			return data, n, nil
		}
		if d.state == chunkTrailer {
			k, err := d.trailer(b[n:])
			return nil, n + k, err
		}
		if err = d.framing(b[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	return nil, n, nil
}

// framing takes one byte outside of data and trailer.
func (d *Decoder) framing(c byte) error {
	switch d.state {
	case chunkDataCR:
		if c != '\r' {
			return ErrBad
		}
		d.state = chunkDataLF
		return nil
	case chunkDataLF:
		if c != '\n' {
			return ErrBad
		}
		d.state, d.line = chunkSize, 0
		return nil
	}
	if d.line++; d.line > maxChunkLine {
		return ErrBad
	}
	switch d.state {
	case chunkSize, chunkDigits:
		if v, ok := hexValue(c); ok {
			if d.left >= 1<<55 {
				return ErrBad
			}
			d.left = d.left<<4 | int64(v)
			d.state = chunkDigits
			return nil
		}
		if d.state == chunkSize {
			return ErrBad
		}
		return d.sizeEnd(c)
	case chunkBlank:
		return d.sizeEnd(c)
	case chunkExtension:
		if c == '\r' {
			d.state = chunkSizeLF
		} else if badValue(c) {
			return ErrBad
		}
	case chunkSizeLF:
		if c != '\n' {
			return ErrBad
		}
		return d.sizeLine()
	}
	return nil
}

// sizeEnd takes what may follow a chunk's size.
func (d *Decoder) sizeEnd(c byte) error {
	switch c {
	case '\r':
		d.state = chunkSizeLF
	case ';':
		d.state = chunkExtension
	case ' ', '\t':
		d.state = chunkBlank
	default:
		return ErrBad
	}
	return nil
}

// sizeLine is at the end of a size line.
func (d *Decoder) sizeLine() error {
	d.excess = max(d.excess+int64(d.line)-usualFraming-min(d.left, maxChunkLine)*2, 0)
	if d.excess > freeFraming {
		return ErrBad
	}
	d.state = chunkData
	if d.left == 0 {
		d.state = chunkTrailer
	}
	return nil
}

// trailer collects lines until the empty one.
func (d *Decoder) trailer(b []byte) (n int, err error) {
	for n < len(b) {
		k := bytes.IndexByte(b[n:], '\n') + 1
		piece := b[n:]
		if k > 0 {
			piece = b[n : n+k]
		}
		if len(d.Trailer)+len(piece) > maxTrailer {
			return n, ErrBad
		}
		d.Trailer = append(d.Trailer, piece...)
		n += len(piece)
		if k == 0 {
			break
		}
		line := d.Trailer[bytes.LastIndexByte(d.Trailer[:len(d.Trailer)-1], '\n')+1:]
		if len(line) == 2 && line[0] == '\r' {
			d.Trailer = d.Trailer[:len(d.Trailer)-2]
			d.done = true
			break
		}
		if !fieldLine(line) {
			return n, ErrBad
		}
	}
	return n, nil
}

// fieldLine says whether l, which ends with LF, is a well-formed field line.
func fieldLine(l []byte) bool {
	i := 0
	for i < len(l) && nameClass[l[i]] != 0 {
		i++
	}
	return i > 0 && i < len(l)-2 && l[i] == ':' && valueEnd(l, i+1) == len(l)-2 && l[len(l)-2] == '\r'
}

func hexValue(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
