package http1

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// maxChunkLine bounds a chunk-size line with its extensions.
const maxChunkLine = 4096

// maxTrailer bounds the trailer section.
const maxTrailer = 32 << 10

// Decoder takes a message body off the wire: by length, by chunks (RFC 9112
// section 7.1) or until the connection ends. The zero Decoder has no body.
type Decoder struct {
	kind  message.BodyKind
	left  int64 // of the length, or of the chunk
	state chunkState
	line  int // bytes of the current size line or of the trailer
	done  bool
	// Trailer collects the trailer section of a chunked body, CRLFs included.
	Trailer []byte
}

type chunkState uint8

const (
	chunkSize chunkState = iota // at a size line's start
	chunkDigits
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
	switch kind {
	case message.BodyNone:
		d.done = true
	case message.BodyLength:
		d.done = length == 0
	case message.BodyChunked:
		d.left = 0
	}
}

// Done says that the whole body was taken.
func (d *Decoder) Done() bool { return d.done }

// Left is how much of a body with a length is missing.
func (d *Decoder) Left() int64 { return d.left }

// EOF tells d that the connection ended: true if that ends the body properly.
func (d *Decoder) EOF() bool {
	if d.kind == message.BodyUntilClose {
		d.done = true
	}
	return d.done
}

// Decode takes what it can from the front of b. data is the next piece of the
// body, a slice of b (nil if there is none yet); n is how many bytes of b are
// used up. Call it again with the rest until n is 0 or the body is done.
func (d *Decoder) Decode(b []byte) (data []byte, n int, err error) {
	if d.done || len(b) == 0 {
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
	return d.chunked(b)
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
	case chunkSize, chunkDigits:
		if v, ok := hexValue(c); ok {
			if d.left >= 1<<55 {
				return ErrBad
			}
			d.left = d.left<<4 | int64(v)
			d.state = chunkDigits
			break
		}
		if d.state == chunkSize {
			return ErrBad
		}
		switch c {
		case '\r':
			d.state = chunkSizeLF
		case ';', ' ', '\t':
			d.state = chunkExtension
		default:
			return ErrBad
		}
	case chunkExtension:
		if c == '\r' {
			d.state = chunkSizeLF
		} else if badValue[c] {
			return ErrBad
		}
	case chunkSizeLF:
		if c != '\n' {
			return ErrBad
		}
		d.line = 0
		if d.left == 0 {
			d.state = chunkTrailer
		} else {
			d.state = chunkData
		}
		return nil
	case chunkDataCR:
		if c != '\r' {
			return ErrBad
		}
		d.state = chunkDataLF
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
	return nil
}

// trailer collects lines until the empty one.
func (d *Decoder) trailer(b []byte) (n int, err error) {
	for n < len(b) {
		k := bytes.IndexByte(b[n:], '\n')
		if k < 0 {
			d.Trailer = append(d.Trailer, b[n:]...)
			n = len(b)
			break
		}
		d.Trailer = append(d.Trailer, b[n:n+k+1]...)
		n += k + 1
		t := d.Trailer
		if len(t) < 2 || t[len(t)-2] != '\r' {
			return n, ErrBad
		}
		if len(t) == 2 || len(t) >= 4 && t[len(t)-4] == '\r' && t[len(t)-3] == '\n' {
			d.Trailer = t[:len(t)-2]
			d.done = true
			return n, nil
		}
	}
	if len(d.Trailer) > maxTrailer {
		return n, ErrBad
	}
	return n, nil
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
