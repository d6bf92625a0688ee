package declarative

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// unique refuses entities that are declared twice: by a unique field, by id,
// or by the fields that make them unique together.
func (l *loader) unique() {
	for _, k := range l.kinds {
		seen := make([]map[string]bool, len(k.unique)+2)
		for i := range seen {
			seen[i] = make(map[string]bool, len(l.items[k.pos]))
		}
		for _, it := range l.items[k.pos] {
			if text := it.twice(seen); text != "" {
				l.report(it, fmt.Sprintf("uniqueness violation: '%s' entity with %s already declared", k.schema.Name, text))
			}
		}
	}
}

func (it *item) twice(seen []map[string]bool) string {
	text := ""
	note := func(i int, value, what string) {
		if value == "" {
			return
		}
		if seen[i][value] && text == "" {
			text = what + " set to '" + value + "'"
		}
		seen[i][value] = true
	}
	for i, f := range it.kind.unique {
		v := it.rec[f]
		if m, ok := v.(map[string]any); ok {
			v = m["id"]
		}
		s, _ := v.(string)
		note(i, s, f)
	}
	n := len(it.kind.unique)
	note(n, it.id, "primary key")
	if text == "" {
		note(n+1, it.compositeKey(), "cache key")
	}
	return text
}

// report files a text at the entity's place: in its list, or under the parent
// that it is nested in.
func (l *loader) report(it *item, text string) {
	name := it.kind.schema.Name
	if it.parent == nil {
		l.errs[name] = place(l.errs[name], it.entry, text)
	} else {
		p := it.parent
		pname := p.kind.schema.Name
		list, _ := l.errs[pname].([]any)
		var tree schema.Errors
		if p.list < len(list) {
			tree, _ = list[p.list].(schema.Errors)
		}
		if tree == nil {
			tree = schema.Errors{}
		}
		tree[name] = place(tree[name], it.entry, text)
		l.errs[pname] = place(l.errs[pname], p.list, tree)
	}
	l.entities = append(l.entities, EntityError{Kind: name, Entity: it.raw, Errors: schema.Errors{schema.EntityKey: []any{text}}})
}

// place puts v at index i of a list that may have holes.
func place(list any, i int, v any) []any {
	l, _ := list.([]any)
	for len(l) <= i {
		l = append(l, nil)
	}
	l[i] = v
	return l
}
