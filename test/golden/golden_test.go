package golden

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	// The binary under test is built from it: without this line go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/test/process"
)

var (
	jobs    = flag.Int("golden.jobs", 3*runtime.GOMAXPROCS(0), "cases to run at the same time")
	tested  = flag.String("golden.binary", "", "gateway to test instead of one built from this tree")
	pending = flag.Bool("golden.pending", false, "play areas that are not due too")
	cases   = flag.String("golden.cases", "../testdata/golden", "folder of cases")
)

// gibbon builds the binary under test.
func gibbon(t *testing.T) string {
	if *tested != "" {
		return *tested
	}
	path, err := process.Build(t.TempDir(), "github.com/gibbon-gateway/gibbon/cmd/gibbon")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGolden plays every case. A case listed in expected_failures.txt must differ, all others must not.
// One case alone: go test ./test/golden -run 'TestGolden/routing/name$'.
func TestGolden(t *testing.T) {
	all, err := Load(*cases)
	if err != nil {
		t.Fatal(err)
	}
	expected, later := loadExpected(t, filepath.Join(*cases, "expected_failures.txt"), all)
	path := gibbon(t)
	slots := make(chan struct{}, *jobs)
	var tally tally
	began := time.Now()
	t.Run("cases", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.ID, func(t *testing.T) {
				t.Parallel()
				why := c.Unsupported()
				if why == "" && !*pending {
					why = later[c.Area()]
				}
				if why != "" {
					tally.add(c, "skipped")
					t.Skip(why)
				}
				slots <- struct{}{}
				defer func() { <-slots }()
				reason, listed := expected[c.ID]
				diff, err := c.Run(path)
				if err != nil {
					diff += err.Error()
				}
				switch {
				case diff == "" && listed:
					tally.add(c, "failed")
					t.Errorf("passes now: take it off expected_failures.txt (%s)", reason)
				case diff == "":
					tally.add(c, "passed")
				case listed:
					tally.add(c, "expected")
					t.Skipf("differs as expected (%s)\n%s", reason, diff)
				default:
					tally.add(c, "failed")
					t.Error(diff)
				}
			})
		}
	})
	tally.report(t, time.Since(began))
}

// TestDerived plays the cases whose expectations were derived instead of recorded.
func TestDerived(t *testing.T) {
	all, err := Load("../testdata/derived")
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	path := gibbon(t)
	slots := make(chan struct{}, *jobs)
	for _, c := range all {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			if diff, err := c.Run(path); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

// loadExpected reads lines `area/name reason`, and `area/* reason` for areas that are not due; `#` begins a comment.
func loadExpected(t *testing.T, path string, all []*Case) (expected, later map[string]string) {
	known := map[string]bool{}
	for _, c := range all {
		known[c.ID], known[c.Area()+"/*"] = true, true
	}
	expected, later = map[string]string{}, map[string]string{}
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, " ")
		if !known[id] || strings.TrimSpace(reason) == "" {
			t.Errorf("expected_failures.txt: %q names no case, or gives no reason", line)
		}
		if area, ok := strings.CutSuffix(id, "/*"); ok {
			later[area] = reason
		} else {
			expected[id] = reason
		}
	}
	return expected, later
}

// tally counts outcomes by area.
type tally struct {
	mu    sync.Mutex
	areas map[string]map[string]int
}

func (y *tally) add(c *Case, outcome string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.areas == nil {
		y.areas = map[string]map[string]int{}
	}
	if y.areas[c.Area()] == nil {
		y.areas[c.Area()] = map[string]int{}
	}
	y.areas[c.Area()][outcome]++
}

// report logs a line an area, and writes it to $GOLDEN_SUMMARY, since go test shows no log of passing tests.
func (y *tally) report(t *testing.T, took time.Duration) {
	var b strings.Builder
	sum := map[string]int{}
	line := func(area string, n map[string]int) {
		played := n["passed"] + n["expected"] + n["failed"]
		fmt.Fprintf(&b, "golden %-20s %3d of %3d pass (%.1f%%), %d differ as expected, %d failed, %d skipped\n",
			area, n["passed"], played, 100*float64(n["passed"])/float64(max(played, 1)), n["expected"], n["failed"], n["skipped"])
	}
	for _, area := range slices.Sorted(maps.Keys(y.areas)) {
		line(area, y.areas[area])
		for k, v := range y.areas[area] {
			sum[k] += v
		}
	}
	line("total", sum)
	fmt.Fprintf(&b, "golden took %.0f s\n", took.Seconds())
	t.Log("\n" + b.String())
	if path := os.Getenv("GOLDEN_SUMMARY"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}
