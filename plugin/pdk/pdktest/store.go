package pdktest

import (
	"context"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Entity is one record to store.
type Entity struct {
	Kind   string
	Record dao.Record
}

// Store makes a store with the core entities' schemas and those given, and
// puts entities into it in order, checked by their schemas.
func Store(t testing.TB, schemas []*schema.Schema, entities ...Entity) dao.Store {
	t.Helper()
	m, err := dao.NewMemory(dao.Options{Schemas: append(entity.Schemas(entity.Options{ConsumerGroups: true}), schemas...)})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entities {
		if _, err := m.Entities(e.Kind).Insert(context.Background(), e.Record, dao.WriteOptions{}); err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
	}
	return m
}

// Config checks a configuration by a plugin's schema, with defaults filled in,
// and gives the record that its Factory takes.
func Config(s *schema.Schema, config map[string]any) (map[string]any, error) {
	if config == nil {
		config = map[string]any{}
	}
	in, _ := schema.Normalize(map[string]any{"config": config}).(map[string]any)
	rec, err := s.Process(in, schema.Insert)
	if err != nil {
		return nil, err
	}
	full, _ := rec["config"].(map[string]any)
	return schema.StripNulls(full), nil
}

// Handler makes the handler of a configuration, which must be valid.
func Handler[H any](t testing.TB, s *schema.Schema, make func(map[string]any) (H, error), config map[string]any) H {
	t.Helper()
	rec, err := Config(s, config)
	if err != nil {
		t.Fatalf("configuration %v: %v", config, err)
	}
	h, err := make(rec)
	if err != nil {
		t.Fatalf("configuration %v: %v", config, err)
	}
	return h
}
