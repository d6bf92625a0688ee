package lua

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// The operation behind kong.db.schema's new: schemas that Lua code makes for
// itself. Their functions stay in Lua.
func init() {
	// schema.process(description, record, check): the record with defaults; or nil, violations as a tree, the same as a text
	RegisterOp("schema.process", func(c *Call) {
		description, _ := c.Value(0).(map[string]any)
		record, _ := schema.Normalize(c.Value(1)).(map[string]any)
		if record == nil {
			record = map[string]any{}
		}
		s, err := (&converter{}).schema(description)
		if err != nil {
			c.Return(nil, map[string]any{"@entity": []any{err.Error()}}, "schema: "+err.Error())
			return
		}
		out, err := s.Fill(record, schema.Insert)
		if err == nil && c.Value(2) == true {
			err = s.Validate(out, schema.Insert)
		}
		if err == nil {
			c.Return(out)
			return
		}
		var violations schema.Errors
		if !errors.As(err, &violations) {
			violations = schema.Errors{"@entity": []any{err.Error()}}
		}
		c.Return(nil, plainTree(violations), err.Error())
	})
}

// plainTree is violations as tables that Lua can be given.
func plainTree(v any) any {
	switch v := v.(type) {
	case schema.Errors:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainTree(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainTree(e)
		}
		return out
	}
	return v
}
