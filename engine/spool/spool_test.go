package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
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
	if got, err := s.Load(nil); err != nil || !bytes.Equal(got, want) {
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

// What is loaded from a file counts once, and until the Reset.
func TestLoadedBodiesCount(t *testing.T) {
	defer SetBudget(budget.Load())
	before := MemoryUsed()
	SetBudget(before + 1500)
	a, b := New(Options{Dir: t.TempDir(), MemoryLimit: 1}), New(Options{Dir: t.TempDir(), MemoryLimit: 1})
	defer a.Close()
	defer b.Close()
	for _, s := range []*Spool{a, b} {
		if err := s.Write(bytes.Repeat([]byte("x"), 1000)); err != nil || !s.InFile() {
			t.Fatal(err, s.InFile())
		}
	}
	for range 3 {
		if all, err := a.Load([]byte("y")); err != nil || len(all) != 1001 || all[0] != 'y' || all[1000] != 'x' {
			t.Fatal(len(all), err)
		}
	}
	var full *BudgetError
	if _, err := b.Load(nil); !errors.As(err, &full) || full.Size != 1000 || full.Used-before != 1000 {
		t.Fatal(err)
	}
	read, err := a.Loader()
	if err != nil {
		t.Fatal(err)
	}
	a.Reset()
	if _, err := read(nil); err == nil {
		t.Error("a body was read after its end")
	}
	if MemoryUsed() != before {
		t.Errorf("%d bytes are in use", MemoryUsed()-before)
	}
	if _, err := b.Load(nil); err != nil {
		t.Error(err)
	}
}

// Path is a real name while the body lives, and can be moved away.
func TestPath(t *testing.T) {
	dir := t.TempDir()
	for _, moved := range []bool{false, true} {
		s := New(Options{Dir: dir, MemoryLimit: 1})
		if s.Write([]byte("a")) != nil || s.Path() != "" {
			t.Fatal("a body in memory has a path")
		}
		if err := s.Write([]byte("bc")); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Fatalf("files with names: %v", left)
		}
		name := s.Path()
		if all, err := os.ReadFile(name); err != nil || string(all) != "abc" || s.Path() != name {
			t.Fatalf("%s: %q, %v", name, all, err)
		}
		if filepath.Dir(name) == dir && moved {
			if err := os.Rename(name, filepath.Join(dir, "kept")); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
		if all, err := os.ReadFile(filepath.Join(dir, "kept")); moved && (err != nil || string(all) != "abc") {
			t.Errorf("what was moved away: %q, %v", all, err)
		}
		_ = os.Remove(filepath.Join(dir, "kept"))
	}
}

// A disk that is full is an error, and the body is still what it was.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	s := New(Options{})
	s.file = full
	defer s.Close()
	if err := s.Write([]byte("abc")); !errors.Is(err, syscall.ENOSPC) || s.Len() != 0 {
		t.Errorf("%v, %d bytes", err, s.Len())
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
