package turn

import (
	"fmt"
	"sync"
	"testing"
)

func draw(w *Wheel, n int) []int {
	got := make([]int, n)
	for i := range got {
		got[i] = w.Next()
	}
	return got
}

func TestOrder(t *testing.T) {
	tests := []struct {
		weights []int
		want    []int
	}{
		{nil, []int{-1, -1}},
		{[]int{0, 0}, []int{-1}},
		{[]int{100}, []int{0, 0, 0}},
		{[]int{100, 100}, []int{0, 1, 0, 1, 0, 1}},
		{[]int{100, 0, 100}, []int{0, 2, 0, 2}},
		{[]int{200, 100}, []int{0, 1, 0, 0, 1, 0}},
		{[]int{10, 20, 30}, []int{2, 1, 0, 2, 1, 2}},
		{[]int{65535, 65535}, []int{0, 1, 0, 1}},
	}
	for _, tt := range tests {
		if got := draw(New(tt.weights), len(tt.want)); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("weights %v: got %v, want %v", tt.weights, got, tt.want)
		}
	}
}

// A full turn is exact wherever it begins, whether it is written down or not.
func TestFullTurnIsExact(t *testing.T) {
	tests := [][]int{
		{50, 10},
		{10, 20, 30},
		{17, 31},
		{1, 2, 3, 4, 5, 6, 7},
		{65535, 1},        // too long to write down
		{9973, 9967, 3},   // the same, primes
		{65535, 65534, 7}, // the same
	}
	for _, weights := range tests {
		w := New(weights)
		draw(w, 5)
		for turn := range 2 {
			counts := make([]int, len(weights))
			for range w.Len() {
				counts[w.Next()]++
			}
			for i, v := range weights {
				if counts[i]*sum(weights) != v*w.Len() {
					t.Errorf("weights %v, turn %d: counts %v", weights, turn, counts)
					break
				}
			}
		}
	}
}

func sum(list []int) (s int) {
	for _, v := range list {
		s += v
	}
	return s
}

// Within a turn a member is never far from its share.
func TestSpreadIsEven(t *testing.T) {
	for _, weights := range [][]int{{5, 1}, {1, 2, 3}, {50, 49, 1}, {30000, 20000, 10001}} {
		w := New(weights)
		total := float64(sum(weights))
		slack := 1.0
		if w.order == nil {
			slack = 16 // the discrepancy of a golden-section sequence grows with log n
		}
		counts := make([]int, len(weights))
		for n := 1; n <= 3*w.Len(); n++ {
			counts[w.Next()]++
			for i, v := range weights {
				if d := float64(counts[i]) - float64(n)*float64(v)/total; d > slack || d < -slack {
					t.Fatalf("weights %v: after %d draws %v", weights, n, counts)
				}
			}
		}
	}
}

func TestResume(t *testing.T) {
	w := New([]int{1, 1})
	draw(w, 3)
	v := New([]int{1, 1})
	v.Resume(w)
	v.Resume(nil)
	if got := draw(v, 2); got[0] != 1 || got[1] != 0 {
		t.Errorf("got %v", got)
	}
}

func TestConcurrentDrawsAreExact(t *testing.T) {
	w := New([]int{3, 1})
	var mu sync.Mutex
	counts := map[int]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got := draw(w, 1000)
			mu.Lock()
			defer mu.Unlock()
			for _, m := range got {
				counts[m]++
			}
		})
	}
	wg.Wait()
	if counts[0] != 3000 || counts[1] != 1000 {
		t.Errorf("got %v", counts)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	for _, w := range []*Wheel{New([]int{2, 1}), New([]int{65535, 1})} {
		if n := testing.AllocsPerRun(100, func() { w.Next() }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	w := New([]int{65535, 65534, 7})
	for b.Loop() {
		w.Next()
	}
}
