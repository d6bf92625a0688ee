package main

import (
	"os"
	"reflect"
	"testing"
)

func TestPageIsCurrent(t *testing.T) {
	want, err := markdown("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../coverage.md")
	if err != nil || string(page) != want {
		t.Errorf("docs/coverage.md is not what the tests say (%v): go run ./docs/coverage > docs/coverage.md", err)
	}
}

// Every function of kong.response and every phase of handlers has a test that
// names it; any other statement has one, or a reason.
func TestEveryRowIsCovered(t *testing.T) {
	found, err := tests("../..")
	if err != nil {
		t.Fatal(err)
	}
	known := map[int]bool{}
	for _, r := range rows() {
		known[r.number] = true
		if len(found[r.number]) == 0 && (r.required() || untested[r.number] == "") {
			t.Errorf("no test names row %d (%s %s): write \"Documented row %d\" above one", r.number, r.kind, r.item, r.number)
		}
		if len(found[r.number]) > 0 && untested[r.number] != "" {
			t.Errorf("row %d has a test now: take it out of untested", r.number)
		}
	}
	for n := range found {
		if !known[n] {
			t.Errorf("%v names row %d, which is not in rows.tsv", found[n], n)
		}
	}
}

func TestNumbers(t *testing.T) {
	if got := numbers("7-10, 56 and 60"); !reflect.DeepEqual(got, []int{7, 8, 9, 10, 56, 60}) {
		t.Error(got)
	}
}
