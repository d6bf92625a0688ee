package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		opt    Options
		writes []int
		inFile bool
		err    error
	}{
		{"empty", Options{}, nil, false, nil},
		{"small", Options{}, []int{10, 20}, false, nil},
		{"exactly the limit", Options{MemoryLimit: 100}, []int{60, 40}, false, nil},
		{"one over the limit", Options{MemoryLimit: 100}, []int{60, 41}, true, nil},
		{"all in the file", Options{MemoryLimit: 100}, []int{200, 300}, true, nil},
		{"grows through classes", Options{MemoryLimit: -1}, []int{5000, 5000, 90000}, false, nil},
		{"too large", Options{MaxSize: 50}, []int{30, 21}, false, ErrTooLarge},
		{"at the maximum", Options{MaxSize: 50, MemoryLimit: 10}, []int{30, 20}, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opt.Dir = t.TempDir()
			s := New(c.opt)
			var want []byte
			var err error
			for i, n := range c.writes {
				part := bytes.Repeat([]byte{byte('a' + i)}, n)
				if err = s.Write(part); err != nil {
					break
				}
				want = append(want, part...)
			}
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			check(t, s, want)
			if s.InFile() != c.inFile {
				t.Errorf("InFile() = %v", s.InFile())
			}
			if left, _ := os.ReadDir(c.opt.Dir); len(left) != 0 {
				t.Errorf("the temporary file has a name: %v", left)
			}
			s.Reset()
			check(t, s, nil)
		})
	}
	if MemoryUsed() != 0 {
		t.Errorf("%d bytes still accounted for", MemoryUsed())
	}
}

// check reads s in every way, twice.
func check(t *testing.T, s *Spool, want []byte) {
	t.Helper()
	if s.Len() != int64(len(want)) {
		t.Fatalf("Len() = %d, want %d", s.Len(), len(want))
	}
	for range 2 {
		got, err := io.ReadAll(s.NewReader())
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("reader gives %d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	if got, err := s.ReadAll(0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("ReadAll: %d bytes, %v", len(got), err)
	}
	if b, ok := s.Bytes(); ok == s.InFile() || ok && !bytes.Equal(b, want) {
		t.Fatalf("Bytes() = %d bytes, %v", len(b), ok)
	}
	if len(want) > 2 {
		p := make([]byte, 4)
		n, err := s.ReadAt(p, int64(len(want)-2))
		if n != 2 || err != io.EOF {
			t.Fatalf("ReadAt over the end = %d, %v", n, err)
		}
		if _, err := s.ReadAll(1); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("ReadAll(1): %v", err)
		}
	}
}

func TestBudget(t *testing.T) {
	defer SetBudget(budget.Load())
	SetBudget(5000)
	a, b := New(Options{Dir: t.TempDir()}), New(Options{Dir: t.TempDir()})
	defer a.Close()
	defer b.Close()
	if err := a.Write(make([]byte, 100)); err != nil || a.InFile() {
		t.Fatalf("first: %v, in a file: %v", err, a.InFile())
	}
	if err := b.Write(make([]byte, 100)); err != nil || !b.InFile() {
		t.Fatalf("second: %v, in a file: %v", err, b.InFile())
	}
}

func TestFileCannotBeMade(t *testing.T) {
	s := New(Options{MemoryLimit: 1, Dir: t.TempDir() + "/missing"})
	if err := s.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Write([]byte("b")); err == nil {
		t.Fatal("no error")
	}
	check(t, s, []byte("a"))
	s.Close()
}
