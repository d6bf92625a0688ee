package websocket

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// tail is what a sender takes off and a receiver puts back (RFC 7692 section
// 7.2), with a final empty block so that the decompressor sees the end.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// window is the largest window of DEFLATE.
const window = 32 << 10

// Inflater decompresses the messages of one direction.
type Inflater struct {
	// NoTakeover: each message stands for itself, so nothing is kept.
	NoTakeover bool

	dict []byte // the last bytes of what went before
	out  []byte
}

type inflate struct {
	src  source
	flat io.ReadCloser
}

// source is a message and its tail as one io.ByteReader.
type source struct {
	a, b []byte
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.a) == 0 {
		s.a, s.b = s.b, nil
	}
	if len(s.a) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.a)
	s.a = s.a[n:]
	return n, nil
}

func (s *source) ReadByte() (byte, error) {
	if len(s.a) == 0 {
		s.a, s.b = s.b, nil
	}
	if len(s.a) == 0 {
		return 0, io.EOF
	}
	c := s.a[0]
	s.a = s.a[1:]
	return c, nil
}

var inflaters = sync.Pool{New: func() any {
	f := &inflate{}
	f.flat = flate.NewReader(&f.src)
	return f
}}

// Message decompresses one message. The result is valid until the next call.
// More than limit bytes (0 = no limit) are an Error with MessageTooBig.
func (f *Inflater) Message(p []byte, limit int) ([]byte, error) {
	in := inflaters.Get().(*inflate)
	defer inflaters.Put(in)
	in.src = source{p, []byte(tail)}
	if err := in.flat.(flate.Resetter).Reset(&in.src, f.dict); err != nil {
		return nil, &Error{InvalidPayload, "compressed message is damaged"}
	}
	if cap(f.out) > keepBuffer {
		f.out = nil
	}
	out := f.out[:0]
	for {
		if len(out) == cap(out) {
			out = append(out, make([]byte, max(512, min(len(out), 1<<20)))...)[:len(out)]
		}
		n, err := in.flat.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if limit > 0 && len(out) > limit {
			return nil, &Error{MessageTooBig, "message is larger than the limit"}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &Error{InvalidPayload, "compressed message is damaged"}
		}
	}
	in.src = source{}
	f.out = out
	if !f.NoTakeover {
		f.remember(out)
	}
	return out, nil
}

// remember keeps the last window bytes for the next message.
func (f *Inflater) remember(p []byte) {
	if len(p) >= window {
		f.dict = append(f.dict[:0], p[len(p)-window:]...)
		return
	}
	if drop := len(f.dict) + len(p) - window; drop > 0 {
		f.dict = f.dict[:copy(f.dict, f.dict[drop:])]
	}
	f.dict = append(f.dict, p...)
}

// Deflater compresses the messages of one direction.
type Deflater struct {
	// NoTakeover: each message stands for itself; compressors are shared then.
	NoTakeover bool
	// Bits is the exponent of the window, 8 to 15; 0 = 15.
	Bits int

	own *deflate
}

type deflate struct {
	out  bytes.Buffer
	flat *flate.Writer
}

func newDeflate() *deflate {
	d := &deflate{}
	d.flat, _ = flate.NewWriter(&d.out, flate.BestSpeed)
	return d
}

// deflaters are shared by all connections without context takeover: one takes
// hundreds of kilobytes.
var deflaters = sync.Pool{New: func() any { return newDeflate() }}

// Append appends the compressed form of message p.
func (f *Deflater) Append(dst, p []byte) []byte {
	d := f.own
	if f.NoTakeover || f.small() {
		d = deflaters.Get().(*deflate)
		defer deflaters.Put(d)
		d.flat.Reset(&d.out)
	} else if d == nil {
		d = newDeflate()
		f.own = d
	}
	d.out.Reset()
	if f.small() {
		f.pieces(d, p)
	} else {
		d.write(p)
	}
	dst = append(dst, bytes.TrimSuffix(d.out.Bytes(), []byte("\x00\x00\xff\xff"))...)
	if d.out.Cap() > 4*keepBuffer {
		d.out = bytes.Buffer{}
		d.flat.Reset(&d.out) // the window is lost, which the other side does not mind
	}
	return dst
}

func (d *deflate) write(p []byte) {
	_, _ = d.flat.Write(p) // a bytes.Buffer takes everything
	_ = d.flat.Flush()
}

func (f *Deflater) small() bool { return f.Bits != 0 && f.Bits < 15 }

// pieces compresses for a small window: compress/flate knows one size only, so
// it begins anew every 2^Bits bytes, and no reference reaches further back.
func (f *Deflater) pieces(d *deflate, p []byte) {
	size := 1 << f.Bits
	for {
		n := min(size, len(p))
		d.write(p[:n])
		if p = p[n:]; len(p) == 0 {
			return
		}
		d.flat.Reset(&d.out)
	}
}
