package luajit

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// resident is the process's resident memory in bytes.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// A VM that is closed gives all of its memory back: reloads make new ones.
func TestCloseGivesMemoryBack(t *testing.T) {
	cycle := func(n int) {
		for range n {
			vm, err := New(Options{MemoryLimit: 64 << 20, WorkerCount: 1, LogLevel: 8, Ops: testOps,
				Ask: func(op int, args []byte) ([]byte, bool, bool) { r, f := answer(op, args); return r, f, true }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vm.Eval(`local t = {} for i = 1, 20000 do t[i] = {i, tostring(i)} end kept = t`, "=test", nil); err != nil {
				t.Fatal(err)
			}
			vm.Close()
		}
	}
	cycle(5)
	before := resident(t)
	const n = 50
	cycle(n)
	if each := (resident(t) - before) / n; each > 64<<10 {
		t.Errorf("%d KB of each VM stay", each>>10)
	}
}
