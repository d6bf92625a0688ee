package dao

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

func TestPack(t *testing.T) {
	k := newKind(&schema.Schema{Name: "x", Fields: []schema.Field{schema.ID, {Name: "ref", Type: schema.Foreign}, {Name: "a"}}}, 0)
	rec := Record{
		"id": "11111111-1111-4111-8111-111111111111", "ref": map[string]any{"id": "r"}, "a": []any{1.0, -2.0, 0.5, 1e300, true, false, "", schema.Null},
		"unknown": map[string]any{"x": "y", "z": []any{}, "deep": map[string]any{"n": 9007199254740991.0}},
	}
	s, ok := k.pack(rec)
	if !ok {
		t.Fatal("not packed")
	}
	if got := k.unpack(s); !reflect.DeepEqual(got, rec) {
		t.Errorf("got %v", got)
	}
	for field, want := range map[string]string{"id": rec["id"].(string), "ref": "r", "a": "", "none": ""} {
		if got, _ := k.unpackString(s, field); got != want {
			t.Errorf("%s: %q", field, got)
		}
	}
	if _, ok := k.pack(Record{"a": struct{}{}}); ok {
		t.Error("packed what cannot be unpacked")
	}
}

// TestManyEntities: what holds for few must hold when they are packed.
func TestManyEntities(t *testing.T) {
	m, err := NewMemory(Options{Schemas: entity.Schemas(entity.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	const n = packFrom + 100
	id := func(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", i) }
	var set []Record
	for i := range n {
		set = append(set, Record{"id": id(i), "username": fmt.Sprint("u", i), "created_at": 1.0, "tags": []any{"t"}})
	}
	if err := m.ReplaceAll(ctx, Set{"consumers": set}); err != nil {
		t.Fatal(err)
	}
	e := m.Entities("consumers")
	for i := 0; i < n; i += 7 { // more than are kept unpacked, twice
		for range 2 {
			r, ok := e.By("username", fmt.Sprint("u", i))
			if !ok || r["id"] != id(i) || r["ws_id"] != DefaultWorkspace {
				t.Fatalf("%d: %v", i, r)
			}
		}
	}
	if _, err := e.Insert(ctx, Record{"username": "u5"}, WriteOptions{}); err == nil {
		t.Error("a packed name is not unique")
	}
	r, err := e.Insert(ctx, Record{"username": "new", "custom_id": "c"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Update(ctx, r["id"].(string), Record{"username": "newer"}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, ok := e.By("username", "newer"); !ok || got["custom_id"] != "c" {
		t.Errorf("%v", got)
	}
	if _, ok := e.By("username", "new"); ok {
		t.Error("the old name is still there")
	}
	for i := range 50 {
		if _, err := e.Delete(ctx, id(i)); err != nil {
			t.Fatal(err)
		}
		if _, ok := e.By("username", fmt.Sprint("u", i)); ok {
			t.Fatal("still there")
		}
	}
	if e.Len() != n-50+1 {
		t.Errorf("%d left", e.Len())
	}
	p, err := e.Page(ctx, Query{Size: 10, After: id(60), Tags: []string{"t"}})
	if err != nil || len(p.Records) != 10 || p.Records[0]["id"] != id(61) || p.Next != id(70) {
		t.Errorf("page %v %v", p.Next, err)
	}
}
