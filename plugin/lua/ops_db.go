package lua

import (
	"context"
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// The operations behind kong.db (lib/gibbon/db.lua), which checks the
// arguments. Reads answer from memory.
func init() {
	RegisterOp("db.schema", dbSchema)
	RegisterOp("db.select", withEntities(dbSelect))
	RegisterOp("db.by", withEntities(func(c *Call, e dao.Entities) { row(c, e, c.Bool(3))(e.By(c.String(1), c.String(2))) }))
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

// row answers with a record; with nulls, fields without a value are JSON null.
func row(c *Call, e dao.Entities, nulls bool) func(dao.Record, bool) {
	return func(r dao.Record, ok bool) {
		switch {
		case !ok:
			c.Return(nil)
		case nulls:
			c.Return(e.Schema().WithNulls(r))
		default:
			c.Return(map[string]any(r))
		}
	}
}

// dbSelect(kind, primary key, nulls)
func dbSelect(c *Call, e dao.Entities) {
	row(c, e, c.Bool(2))(e.Get(idArgument(c, e, 1)))
}

// idArgument is the id that the primary key at argument i names.
func idArgument(c *Call, e dao.Entities, i int) string {
	pk, _ := c.Value(i).(map[string]any)
	return dao.ID(e.Schema().Keys(), pk)
}

// dbSchema(kind): what Lua knows of a schema. Code that is loaded before there
// are entities (api.lua) gets those that it can refer to.
func dbSchema(c *Call) {
	s := schemaNamed(c, c.String(0))
	if s == nil {
		c.Return(nil)
		return
	}
	unique, foreign := []string{}, []string{}
	for _, f := range s.Fields {
		if f.Unique || f.UniqueAcrossWS {
			unique = append(unique, f.Name)
		}
		if f.Type == schema.Foreign {
			foreign = append(foreign, f.Name)
		}
	}
	t := map[string]any{"name": s.Name, "primary_key": s.Keys(), "unique": unique, "foreign": foreign, "workspaceable": s.Workspaceable,
		"ttl": s.TTL, "fields": s.Export()["fields"]}
	if len(s.CacheKey) > 0 {
		t["cache_key"] = s.CacheKey
	}
	for name, text := range map[string]string{"endpoint_key": s.EndpointKey, "dao": s.DAO, "admin_api_name": s.AdminAPIName,
		"admin_api_nested_name": s.AdminAPINestedName} {
		if text != "" {
			t[name] = text
		}
	}
	c.Return(t)
}

// schemaNamed is the schema of a kind of entity; nil where there is none.
func schemaNamed(c *Call, kind string) *schema.Schema {
	find := func(list []*schema.Schema) *schema.Schema {
		for _, s := range list {
			if s.Name == kind {
				return s
			}
		}
		return nil
	}
	if s := find(c.vm.loading); s != nil {
		return s
	}
	if g := c.Gateway(); g != nil && g.Store != nil {
		if e := g.Store.Entities(kind); e.Valid() {
			return e.Schema()
		}
		return nil
	}
	for _, name := range plugin.BundledNames() {
		p, _ := plugin.Bundled(name)
		if s := find(p.Entities); s != nil {
			return s
		}
	}
	return find(entity.Schemas(entity.Options{ConsumerGroups: true}))
}

// byCacheKey(kind, values, nulls): values of the cache key's fields, as text.
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
	row(c, e, c.Bool(2))(e.ByCacheKey(dao.CacheKey(s, rec)))
}

// dbPage(kind, size, after, foreign, foreign_id, nulls): rows, the next page's offset
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
		if c.Bool(5) {
			rows[i] = e.Schema().WithNulls(r)
		}
	}
	var next any
	if p.Next != "" {
		next = p.Next
	}
	c.Return(rows, next)
}

// verbs as the reference names them in its refusals.
var verbs = map[string]string{"insert": "create", "update": "update", "upsert": "create or update", "delete": "remove", "truncate": "remove"}

// write(kind, verb, field, key, entity): without a database the entity is
// checked, and what would be written is refused: nil, code, text, fields.
// key is a primary key, or the value of field where there is one.
func write(c *Call, e dao.Entities) {
	verb, s := c.String(1), e.Schema()
	var old dao.Record
	exists := false
	if verb != "insert" && verb != "truncate" {
		if c.IsNil(2) {
			old, exists = e.Get(idArgument(c, e, 3))
		} else {
			old, exists = e.By(c.String(2), c.String(3))
		}
	}
	if verb == "delete" && !exists {
		c.Return(true)
		return
	}
	in, _ := schema.Normalize(c.Value(4)).(map[string]any)
	var err error
	switch {
	case verb == "insert" || verb == "upsert":
		if !c.IsNil(2) && in[c.String(2)] == nil {
			in[c.String(2)] = c.String(3)
		}
		_, err = s.Process(in, schema.Insert)
	case verb == "update" && exists:
		_, err = s.ProcessUpdate(in, old)
	}
	var bad schema.Errors
	if errors.As(err, &bad) {
		c.Return(nil, int(dao.SchemaViolation), bad.Error(), plainTree(bad))
		return
	}
	by := ""
	if !c.IsNil(2) {
		by = " by '" + c.String(2) + "'"
	}
	c.Return(nil, int(dao.OperationUnsupported), "cannot "+verbs[verb]+" '"+s.Name+"' entities"+by+" when not using a database")
}
