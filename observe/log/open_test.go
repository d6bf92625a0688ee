package log

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestLossesAreTold(t *testing.T) {
	folder := t.TempDir()
	var files Files
	l, err := OpenError(&files, filepath.Join(folder, "error.log"), Notice)
	if err != nil {
		t.Fatal(err)
	}
	access, err := OpenAccess(&files, filepath.Join(folder, "access.log"), l)
	if err != nil {
		t.Fatal(err)
	}
	b := access.Buffer()
	huge := make([]byte, access.o.Limit+1) // finds no room, whatever the goroutine does
	b.Write(huge)
	b.Write([]byte("x\n"))
	access.Flush()
	l.out.Write(huge)
	l.Noticef("y")
	l.Flush() // tells the loss, in a line that the next flush writes
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	text := read(t, filepath.Join(folder, "error.log"))
	for _, want := range []string{"[alert]", "1 lines of " + filepath.Join(folder, "access.log") + " were dropped", "1 lines of this log were dropped"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
}
