package gateway

import (
	"context"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/gibbon-gateway/gibbon/engine/dao"
)

func (n *node) loadEntities() error {
	b, err := os.ReadFile(n.conf.Datastore.DeclarativeConfig)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return err
	}
	ctx := context.Background()
	for _, s := range doc["services"].([]any) {
		m := s.(map[string]any)
		routes, _ := m["routes"].([]any)
		delete(m, "routes")
		rec, err := n.store.Entities("services").Insert(ctx, norm(m).(map[string]any), dao.WriteOptions{})
		if err != nil {
			return err
		}
		for _, r := range routes {
			rm := norm(r).(map[string]any)
			rm["service"] = map[string]any{"id": rec["id"]}
			if _, err := n.store.Entities("routes").Insert(ctx, rm, dao.WriteOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func norm(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = norm(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = norm(v[k])
		}
	}
	return v
}
