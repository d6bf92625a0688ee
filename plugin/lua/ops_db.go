package lua

import (
	"context"
	"errors"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// The operations behind kong.db (lib/gibbon/db.lua), which checks the
// arguments. Reads answer from memory.
func init() {
	RegisterOp("db.schema", withEntities(dbSchema))
	RegisterOp("db.select", withEntities(func(c *Call, e dao.Entities) { row(c)(e.Get(c.String(1))) }))
	RegisterOp("db.by", withEntities(func(c *Call, e dao.Entities) { row(c)(e.By(c.String(1), c.String(2))) }))
	RegisterOp("db.by_cache_key", withEntities(byCacheKey))
	RegisterOp("db.page", withEntities(dbPage))
	RegisterOp("db.write", withEntities(write))
	RegisterOp("db.workspace", func(c *Call) { c.Return(workspace(c)) })
}

// withEntities finds the kind that argument 0 names; nil where there is none.
func withEntities(op func(c *Call, e dao.Entities)) Op {
	return func(c *Call) {
		g := c.Gateway()
		if g == nil || g.Store == nil {
			c.Return(nil, "no entities are loaded yet")
			return
		}
		e := g.Store.Entities(c.String(0))
		if !e.Valid() {
			c.Return(nil)
			return
		}
		op(c, e.In(workspace(c)))
	}
}

// workspace is the one of the request, else the only one there is.
func workspace(c *Call) string {
	if k := c.Kong(); k != nil && k.Router.Route != nil && k.Router.Route.Workspace != "" {
		return k.Router.Route.Workspace
	}
	if g := c.Gateway(); g != nil {
		return g.Workspace
	}
	return ""
}

func row(c *Call) func(dao.Record, bool) {
	return func(r dao.Record, ok bool) {
		if !ok {
			c.Return(nil)
			return
		}
		c.Return(map[string]any(r))
	}
}

// dbSchema(kind): what Lua knows of a schema.
func dbSchema(c *Call, e dao.Entities) {
	s := e.Schema()
	pk := s.PrimaryKey
	if len(pk) == 0 {
		pk = []string{"id"}
	}
	unique, foreign := []string{}, []string{}
	for _, f := range s.Fields {
		if f.Unique {
			unique = append(unique, f.Name)
		}
		if f.Type == schema.Foreign {
			foreign = append(foreign, f.Name)
		}
	}
	t := map[string]any{"name": s.Name, "primary_key": pk, "unique": unique, "foreign": foreign, "workspaceable": s.Workspaceable}
	if len(s.CacheKey) > 0 {
		t["cache_key"] = s.CacheKey
	}
	if s.EndpointKey != "" {
		t["endpoint_key"] = s.EndpointKey
	}
	c.Return(t)
}

// byCacheKey(kind, values): values of the cache key's fields, as text.
func byCacheKey(c *Call, e dao.Entities) {
	s := e.Schema()
	values, _ := c.Value(1).([]any)
	rec := dao.Record{}
	for i, f := range s.CacheKey {
		if i >= len(values) {
			break
		}
		v, _ := values[i].(string)
		if v == "" {
			continue
		}
		rec[f] = v
		for _, field := range s.Fields {
			if field.Name == f && field.Type == schema.Foreign {
				rec[f] = map[string]any{"id": v}
			}
		}
	}
	row(c)(e.ByCacheKey(dao.CacheKey(s, rec)))
}

// dbPage(kind, size, after, foreign, foreign_id): rows, the next page's offset
func dbPage(c *Call, e dao.Entities) {
	p, err := e.Page(context.Background(), dao.Query{Size: min(c.Int(1), 1000), After: c.String(2), Foreign: c.String(3), ForeignID: c.String(4)})
	if err != nil {
		var bad *dao.Error
		if errors.As(err, &bad) && bad.Code == dao.InvalidOffset { // the reference gives an empty page
			c.Return([]any{}, nil)
			return
		}
		c.Return(nil, nil, err.Error())
		return
	}
	rows := make([]any, len(p.Records))
	for i, r := range p.Records {
		rows[i] = map[string]any(r)
	}
	var next any
	if p.Next != "" {
		next = p.Next
	}
	c.Return(rows, next)
}

// verbs as the reference names them in its refusals.
var verbs = map[string]string{"insert": "create", "update": "update", "upsert": "create or update", "delete": "remove", "truncate": "remove"}

// write(kind, verb, …) is refused without a database.
func write(c *Call, e dao.Entities) {
	verb := c.String(1)
	if v, ok := verbs[strings.SplitN(verb, "_", 2)[0]]; ok {
		verb = v
	}
	c.Return(nil, "cannot "+verb+" '"+e.Schema().Name+"' entities when not using a database")
}
