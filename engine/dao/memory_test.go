package dao_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dao/daotest"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

func open(t testing.TB) *dao.Memory {
	m, err := dao.NewMemory(dao.Options{Schemas: daotest.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	daotest.Run(t, func(t *testing.T) dao.Store { return open(t) })
}

func TestSchemasRefused(t *testing.T) {
	a := &schema.Schema{Name: "a", Fields: []schema.Field{{Name: "b", Type: schema.Foreign, Reference: "b"}}}
	for _, bad := range [][]*schema.Schema{{a}, {{Name: "x"}, {Name: "x"}}} {
		if _, err := dao.NewMemory(dao.Options{Schemas: bad}); err == nil {
			t.Errorf("accepted %v", bad)
		}
	}
}

func TestExpire(t *testing.T) {
	m := open(t)
	ctx := context.Background()
	u, _ := m.Entities("consumers").Insert(ctx, dao.Record{"username": "u"}, dao.WriteOptions{})
	e := m.Entities("keyauth_credentials")
	rec := dao.Record{"consumer": map[string]any{"id": u["id"]}, "key": "k"}
	first, err := e.Insert(ctx, rec, dao.WriteOptions{TTL: 1})
	if err != nil {
		t.Fatal(err)
	}
	if left, ok := m.TTL("keyauth_credentials", first["id"].(string)); !ok || left <= 0 || left > 1 {
		t.Errorf("ttl %v %v", left, ok)
	}
	time.Sleep(1100 * time.Millisecond)
	if _, ok := e.By("key", "k"); ok {
		t.Error("still there")
	}
	if _, err := e.Insert(ctx, rec, dao.WriteOptions{}); err != nil {
		t.Errorf("an expired key holds its name: %v", err)
	}
	m.Expire()
	if e.Len() != 1 {
		t.Errorf("%d left", e.Len())
	}
}

// many makes a set with n consumers that have a key each.
func many(n int) dao.Set {
	set := dao.Set{}
	for i := range n {
		cid := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		set["consumers"] = append(set["consumers"], dao.Record{"id": cid, "username": fmt.Sprint("u", i), "created_at": 1.0})
		set["keyauth_credentials"] = append(set["keyauth_credentials"], dao.Record{
			"id": fmt.Sprintf("%08x-0000-4000-8000-111111111111", i), "key": fmt.Sprint("key-of-a-consumer-", i),
			"consumer": map[string]any{"id": cid}, "created_at": 1.0})
	}
	return set
}

func TestReadsDoNotAllocate(t *testing.T) {
	m := open(t)
	if err := m.ReplaceAll(context.Background(), many(25_000)); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		r, ok := m.Entities("keyauth_credentials").By("key", "key-of-a-consumer-77")
		if !ok || r == nil {
			t.Fatal("not found")
		}
		if _, ok := m.Entities("keyauth_credentials").By("key", "no such key"); ok {
			t.Fatal("found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestReadersAndWriters reads while entities come and go: each must be found
// by all its keys or none that was deleted.
func TestReadersAndWriters(t *testing.T) {
	m := open(t)
	ctx := context.Background()
	e := m.Entities("consumers")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprint("u", i%4000)
				if r, ok := e.By("username", name); ok && r["username"] != name {
					t.Errorf("%s got %v", name, r["username"])
				}
				if i%1000 == 0 {
					e.Each(func(dao.Record) bool { return true })
				}
			}
		}()
	}
	for i := range 12000 {
		r, err := e.Insert(ctx, dao.Record{"username": fmt.Sprint("u", i)}, dao.WriteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			e.Delete(ctx, r["id"].(string))
		}
	}
	close(stop)
	wg.Wait()
	if e.Len() != 8000 {
		t.Errorf("%d left", e.Len())
	}
	for i := range 12000 {
		if _, ok := e.By("username", fmt.Sprint("u", i)); ok != (i%3 != 0) {
			t.Fatalf("u%d: %v", i, ok)
		}
	}
}

func BenchmarkBy(b *testing.B) {
	m := open(b)
	if err := m.ReplaceAll(context.Background(), many(200_000)); err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprint("key-of-a-consumer-", i*190)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := m.Entities("keyauth_credentials").By("key", keys[i%1024]); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	m := open(b)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := m.Entities("consumers").Insert(ctx, dao.Record{"username": fmt.Sprint(i)}, dao.WriteOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports the bytes that a consumer with a key takes.
func BenchmarkMemory(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := open(b)
		if err := m.ReplaceAll(context.Background(), many(n)); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/consumer+key")
		runtime.KeepAlive(m)
	}
}
