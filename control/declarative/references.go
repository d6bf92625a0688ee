package declarative

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// names finds entities of a kind by id and by unique field.
type names struct {
	ids    map[string]*item
	fields map[string]map[string]*item
}

// resolve finds what each reference points to.
func (l *loader) resolve() {
	index := make([]*names, len(l.kinds))
	for _, k := range l.kinds {
		for _, it := range l.items[k.pos] {
			for _, f := range k.foreign {
				v, ok := it.refs[f.Name]
				if !ok {
					continue
				}
				target := l.find(index, f, v)
				if target == nil {
					l.unresolved(it, f, v)
					continue
				}
				if it.links == nil {
					it.links = map[string]*item{}
				}
				it.links[f.Name] = target
			}
			if it.parent != nil {
				if it.links == nil {
					it.links = map[string]*item{}
				}
				it.links[it.field] = it.parent
			}
		}
	}
}

func (l *loader) find(index []*names, f *schema.Field, v any) *item {
	p, ok := l.byName[f.Reference]
	if !ok {
		return nil
	}
	if index[p.pos] == nil {
		index[p.pos] = l.index(p)
	}
	n := index[p.pos]
	switch x := v.(type) {
	case string:
		if it := n.ids[x]; it != nil {
			return it
		}
		if it := n.fields[p.schema.EndpointKey][x]; it != nil {
			return it
		}
		for _, field := range p.unique {
			if it := n.fields[field][x]; it != nil {
				return it
			}
		}
	case map[string]any:
		if id, ok := x["id"].(string); ok {
			return n.ids[id]
		}
		for field, e := range x {
			if s, ok := e.(string); ok {
				return n.fields[field][s]
			}
		}
	}
	return nil
}

func (l *loader) index(k *kind) *names {
	n := &names{ids: map[string]*item{}, fields: map[string]map[string]*item{}}
	fields := k.unique
	if k.schema.EndpointKey != "" {
		fields = append([]string{k.schema.EndpointKey}, fields...)
	}
	for _, f := range fields {
		n.fields[f] = map[string]*item{}
	}
	for _, it := range l.items[k.pos] {
		if it.id != "" {
			n.ids[it.id] = it
		} else if it.kind.named != "" && len(it.kind.schema.CacheKey) == 0 {
			// a reference may use the id that will be made from the name
			if name, ok := it.rec[it.kind.named].(string); ok {
				n.ids[nameID(k, name)] = it
			}
		}
		for _, f := range fields {
			if s, ok := it.rec[f].(string); ok && n.fields[f][s] == nil {
				n.fields[f][s] = it
			}
		}
	}
	return n
}

func (l *loader) unresolved(it *item, f *schema.Field, v any) {
	shown := schema.Text(v)
	text := fmt.Sprintf("invalid reference '%s: %s' (no such entry in '%s')", f.Name, shown, f.Reference)
	tree, _ := l.errs[it.kind.schema.Name].(schema.Errors)
	if tree == nil {
		tree = schema.Errors{}
		l.errs[it.kind.schema.Name] = tree
	}
	list, _ := tree[it.label()].([]any)
	tree[it.label()] = append(list, text)
	l.entities = append(l.entities, EntityError{Kind: it.kind.schema.Name, Entity: it.raw, Errors: schema.Errors{f.Name: text}})
}
