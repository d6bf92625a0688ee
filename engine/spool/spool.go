package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// ErrTooLarge is returned by Write when the body outgrows Options.MaxSize.
var ErrTooLarge = errors.New("body is larger than allowed")

// Options bound a Spool. The zero value keeps up to DefaultMemoryLimit in
// memory and has no maximum.
type Options struct {
	// MemoryLimit is how many bytes stay in memory (client_body_buffer_size);
	// a body longer than that moves to a file. 0 = DefaultMemoryLimit, -1 = all.
	MemoryLimit int64
	// MaxSize is the largest body in bytes (client_max_body_size); 0 = any.
	MaxSize int64
	// Dir is where temporary files are made, one for each body; "" = the system's.
	Dir string
}

// DefaultMemoryLimit is MemoryLimit's default, which is nginx's
// client_body_buffer_size as the reference sets it.
const DefaultMemoryLimit = 8 << 10

// Spool is one body. The zero value is ready to use, with default Options.
type Spool struct {
	opt  Options
	mem  []byte   // the body, while file is nil
	file *os.File // the body, once it is not
	size int64
	lent int64  // of the budget, see Load
	name string // of the file, once Path was asked
}

// New makes an empty Spool.
func New(o Options) *Spool { return &Spool{opt: o} }

// Init makes s empty with other options, for Spools that lie in a larger struct.
func (s *Spool) Init(o Options) {
	s.Reset()
	s.opt = o
}

// Write appends b. It fails with ErrTooLarge, or when the temporary file
// cannot be made or written; s keeps what it had.
func (s *Spool) Write(b []byte) error {
	if s.opt.MaxSize > 0 && s.size+int64(len(b)) > s.opt.MaxSize {
		return ErrTooLarge
	}
	if s.file == nil {
		if s.fits(len(b)) && s.grow(len(b)) {
			s.mem = append(s.mem, b...)
			s.size += int64(len(b))
			return nil
		}
		if err := s.spill(); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("temporary file for a body: %w", err)
	}
	s.size += int64(len(b))
	return nil
}

// Len is the body's length in bytes.
func (s *Spool) Len() int64 { return s.size }

// InFile says whether the body has moved to a file.
func (s *Spool) InFile() bool { return s.file != nil }

// Bytes is the body if it is in memory; false when it is in a file. The slice
// is the Spool's own: it may be read until the next Write, Reset or Close.
func (s *Spool) Bytes() ([]byte, bool) {
	if s.file != nil {
		return nil, false
	}
	return s.mem, true
}

// Load appends the whole body to dst, wherever it is, for somebody who needs it
// in one piece. What comes from a file counts against the budget until Reset,
// however often it is loaded; a *BudgetError says that it does not fit.
func (s *Spool) Load(dst []byte) ([]byte, error) {
	if s.file == nil {
		return append(dst, s.mem...), nil
	}
	read, err := s.Loader()
	if err != nil {
		return nil, err
	}
	return read(dst)
}

// Loader is Load for another goroutine: what it gives may run beside the uses
// of s, a Reset included (then it fails).
func (s *Spool) Loader() (read func(dst []byte) ([]byte, error), err error) {
	if s.file == nil {
		b := slices.Clone(s.mem)
		return func(dst []byte) ([]byte, error) { return append(dst, b...), nil }, nil
	}
	if more := s.size - s.lent; more > 0 {
		if err := borrow(more); err != nil {
			return nil, err
		}
		s.lent = s.size
	}
	f, size := s.file, int(s.size)
	return func(dst []byte) ([]byte, error) {
		n := len(dst)
		dst = slices.Grow(dst, size)[:n+size]
		if _, err := f.ReadAt(dst[n:], 0); err != nil {
			return nil, fmt.Errorf("temporary file of a body: %w", err)
		}
		return dst, nil
	}, nil
}

// ReadAt implements io.ReaderAt.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("spool: negative offset")
	}
	if off >= s.size {
		return 0, io.EOF
	}
	if s.file != nil {
		n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-off)], off)
		if err == nil && n < len(p) {
			err = io.EOF
		}
		return n, err
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Reader reads a Spool from its start; it sees what is written meanwhile.
type Reader struct {
	s   *Spool
	off int64
}

// NewReader reads s from the start. Any number of Readers may be used.
func (s *Spool) NewReader() *Reader { return &Reader{s: s} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.s.ReadAt(p, r.off)
	r.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Reset empties s and gives its memory and its file back.
func (s *Spool) Reset() {
	if s.file != nil {
		_ = s.file.Close() // without a name, that deletes it
		s.file = nil
		s.unname()
	}
	used.Add(-s.lent)
	s.lent = 0
	s.free()
	s.size = 0
}

// Close is Reset; a closed Spool may be used again.
func (s *Spool) Close() { s.Reset() }

// fits says whether n more bytes stay below the memory limit.
func (s *Spool) fits(n int) bool {
	switch s.opt.MemoryLimit {
	case -1:
		return true
	case 0:
		return s.size+int64(n) <= DefaultMemoryLimit
	}
	return s.size+int64(n) <= s.opt.MemoryLimit
}

// spill moves what is in memory to a file.
func (s *Spool) spill() error {
	f, err := temporary(s.opt.Dir)
	if err != nil {
		return fmt.Errorf("temporary file for a body: %w", err)
	}
	if len(s.mem) > 0 {
		if _, err := f.WriteAt(s.mem, 0); err != nil {
			_ = f.Close()
			return fmt.Errorf("temporary file for a body: %w", err)
		}
	}
	s.file = f
	s.free()
	return nil
}
