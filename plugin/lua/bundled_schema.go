package lua

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// bundledMark begins the typedefs that stand for fields of bundled plugins, bundled:NAME:PATH. What such a field
// checks stays in Go; Lua sees its shape and may change it.
const bundledMark = "bundled:"

// bundledSchema is the schema of a Go plugin as a schema.lua would return it, its fields marked with their
// typedefs; nil without such a plugin. Rules between fields are found by the schema's own mark.
func bundledSchema(name string) any {
	p, ok := plugin.Bundled(name)
	if !ok || p.Config == nil {
		return nil
	}
	return map[string]any{"name": name, "fields": shapes(p.Config.Fields, bundledMark+name+":"), "$typedef": bundledMark + name}
}

// shapes are fields as a schema.lua lists them. A field's mark is at and its name; those below it go on from there.
func shapes(fields []schema.Field, at string) []any {
	list := make([]any, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		list = append(list, map[string]any{f.Name: shape(f, at+f.Name)})
	}
	return list
}

func shape(f *schema.Field, mark string) map[string]any {
	m := map[string]any{"type": string(f.Type), "$typedef": mark}
	if f.Required || f.Optional {
		m["required"] = f.Required
	}
	if f.Default != nil {
		m["default"] = schema.Normalize(f.Default)
	}
	if len(f.OneOf) > 0 {
		m["one_of"] = f.OneOf
	}
	for key, on := range map[string]bool{"referenceable": f.Referenceable, "encrypted": f.Encrypted} {
		if on {
			m[key] = true
		}
	}
	for key, sub := range map[string]*schema.Field{"elements": f.Elements, "keys": f.Keys, "values": f.Values} {
		if sub != nil {
			m[key] = shape(sub, mark+"."+key)
		}
	}
	if len(f.Fields) > 0 {
		m["fields"] = shapes(f.Fields, mark+".")
	}
	return m
}

// bundledField is the field that a mark of shape stands for.
func bundledField(mark string) (schema.Field, bool) {
	name, path, _ := strings.Cut(strings.TrimPrefix(mark, bundledMark), ":")
	p, ok := plugin.Bundled(name)
	if !ok || p.Config == nil {
		return schema.Field{}, false
	}
	whole := schema.Field{Type: schema.Record, Fields: p.Config.Fields}
	f := &whole
	for _, step := range strings.Split(path, ".") {
		below := fieldNamed(f.Fields, step)
		if below == nil {
			below = map[string]*schema.Field{"elements": f.Elements, "keys": f.Keys, "values": f.Values}[step]
		}
		if below == nil {
			return schema.Field{}, false
		}
		f = below
	}
	return *f, true
}

// bundledChecks are the rules between fields of the plugin that a schema's mark names; none without a mark.
func bundledChecks(mark string) []schema.EntityCheck {
	name, ok := strings.CutPrefix(mark, bundledMark)
	if !ok {
		return nil
	}
	p, ok := plugin.Bundled(name)
	if !ok || p.Config == nil {
		return nil
	}
	return p.Config.EntityChecks
}
