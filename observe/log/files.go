package log

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// Files are the open logs of a process by path, since several settings may
// name the same file. The zero value is ready; safe for concurrent use.
type Files struct {
	mu   sync.Mutex
	open map[string]*Sink
}

// Open gives the Sink of a path, opening it on first use; o counts only then.
// The file's folder is made when it is absent.
func (f *Files) Open(path string, o Options) (*Sink, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.open[path]; s != nil {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	s, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	if f.open == nil {
		f.open = map[string]*Sink{}
	}
	f.open[path] = s
	return s, nil
}

// Reopen reopens all files, on SIGUSR1 after a rotation.
func (f *Files) Reopen() error { return f.each((*Sink).Reopen) }

// Flush flushes all files.
func (f *Files) Flush() error { return f.each((*Sink).Flush) }

// Close closes all files; the Files can be used again.
func (f *Files) Close() error {
	err := f.each((*Sink).Close)
	f.mu.Lock()
	f.open = nil
	f.mu.Unlock()
	return err
}

func (f *Files) each(do func(*Sink) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, s := range f.open {
		errs = append(errs, do(s))
	}
	return errors.Join(errs...)
}
