package declarative

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// header reads what is about the document itself and takes it out.
func (l *loader) header(doc map[string]any) error {
	l.transform = true
	versions := schema.Field{Type: schema.String, Required: true, OneOf: schema.List("1.1", "2.1", "3.0")}
	header := &schema.Schema{Fields: []schema.Field{
		versions.Named("_format_version"),
		{Name: "_transform", Type: schema.Boolean},
		{Name: "_comment", Type: schema.String},
		{Name: "_ignore", Type: schema.Array},
	}}
	rec := map[string]any{}
	for i := range header.Fields {
		n := header.Fields[i].Name
		if v, ok := doc[n]; ok {
			rec[n] = v
			delete(doc, n)
		}
	}
	if err := header.Validate(rec, schema.Insert); err != nil {
		l.errs.Merge(err.(schema.Errors))
	}
	l.version, _ = rec["_format_version"].(string)
	if t, ok := rec["_transform"].(bool); ok {
		l.transform = t
	}
	if l.version == "" {
		return l.failed() // without a version nothing else can be judged
	}
	return nil
}

// walk validates every entity of the document and files it under its kind.
func (l *loader) walk(doc map[string]any) {
	// in the order of kinds, so that entries are numbered the same each time
	for _, k := range l.kinds {
		v, ok := doc[k.schema.Name]
		if !ok {
			continue
		}
		delete(doc, k.schema.Name)
		if bad := l.list(k, v, nil, "", 0); bad != nil {
			l.errs[k.schema.Name] = bad
		}
	}
	for name := range doc {
		l.errs[name] = "unknown field"
	}
}

// list walks the entities of one kind in one place. It returns what is wrong:
// a text or a list.
func (l *loader) list(k *kind, v any, parent *item, field string, depth int) any {
	entries, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); v == schema.Null || isMap && len(m) == 0 {
			return nil
		}
		return "expected an array"
	}
	var bad []any
	for i, e := range entries {
		if e == schema.Null {
			continue
		}
		rec, ok := e.(map[string]any)
		var wrong any = "expected a record"
		if ok {
			wrong = nil
			if errs := l.entity(k, rec, parent, field, i, depth); len(errs) > 0 {
				wrong = errs
			}
		}
		if wrong != nil {
			for len(bad) < i {
				bad = append(bad, nil)
			}
			bad = append(bad, wrong)
		}
	}
	if bad == nil {
		return nil
	}
	return bad
}

const placeholder = "00000000-0000-4000-8000-000000000000"

var placeholderRef = map[string]any{"id": placeholder}

// entity validates one entity and walks what is nested in it.
func (l *loader) entity(k *kind, rec map[string]any, parent *item, field string, entry, depth int) schema.Errors {
	it := &item{kind: k, parent: parent, field: field, entry: entry}
	l.groups(k, rec)
	own := make(map[string]any, len(rec)+4)
	var nested []string
	for name, v := range rec {
		switch _, isChild := k.children[name]; {
		case isChild:
			nested = append(nested, name)
		case name == "_comment" || name == "_ignore":
		default:
			own[name] = v
		}
	}
	it.raw = own
	errs := l.check(it, own)
	if len(errs) > 0 {
		l.entities = append(l.entities, EntityError{Kind: k.schema.Name, Entity: own, Errors: errs})
		errs = copyErrors(errs)
	}
	it.list = len(l.items[k.pos])
	l.items[k.pos] = append(l.items[k.pos], it)
	sort.Strings(nested)
	for _, name := range nested {
		c := k.children[name]
		var bad any = "nested too deep"
		if depth < 8 {
			bad = l.list(c.kind, rec[name], it, c.field, depth+1)
		}
		if bad != nil {
			if errs == nil {
				errs = schema.Errors{}
			}
			errs[name] = bad
		}
	}
	return errs
}

func copyErrors(e schema.Errors) schema.Errors {
	out := make(schema.Errors, len(e))
	for k, v := range e {
		out[k] = v
	}
	return out
}

// check validates an entity by its schema, with stand-ins for references that
// are not resolved yet.
func (l *loader) check(it *item, own map[string]any) schema.Errors {
	s := it.kind.schema
	rec := make(map[string]any, len(own)+4)
	for k, v := range own {
		rec[k] = v
	}
	for _, f := range it.kind.foreign {
		v, given := rec[f.Name]
		switch {
		case f.Name == it.field:
			rec[f.Name] = placeholderRef
		case !given || v == schema.Null:
		case isReference(v):
			if it.refs == nil {
				it.refs = map[string]any{}
			}
			it.refs[f.Name] = v
			rec[f.Name] = placeholderRef
		}
	}
	if id, ok := rec["id"].(string); ok {
		if schema.IsUUID(id) {
			rec["id"] = strings.ToLower(id)
		}
		it.id, _ = rec["id"].(string)
	} else if _, hasID := s.Field("id"); hasID && rec["id"] == nil {
		rec["id"] = placeholder
	}
	l.deprecations(it, rec)
	ttl, bad := takeTTL(s, rec)
	if bad != nil {
		return bad
	}
	full, err := s.Fill(rec, schema.Insert)
	if err == nil {
		err = s.Validate(full, schema.Insert)
	}
	if err == nil {
		full, err = s.TransformIf(full, false) // secrets wait for the ids: see transformSecrets
	}
	if err != nil {
		if errs, ok := err.(schema.Errors); ok {
			return errs
		}
		return schema.Errors{schema.EntityKey: []any{err.Error()}}
	}
	it.rec = schema.StripNulls(full)
	if ttl > 0 {
		it.rec["ttl"] = ttl
	}
	return nil
}

// takeTTL takes the time to live out of an entity of a kind that expires.
func takeTTL(s *schema.Schema, rec map[string]any) (float64, schema.Errors) {
	v, ok := rec["ttl"]
	if _, own := s.Field("ttl"); !ok || !s.TTL || own {
		return 0, nil
	}
	delete(rec, "ttl")
	n, isNumber := v.(float64)
	if v != schema.Null && (!isNumber || n != float64(int64(n)) || n < 0 || n > dao.MaxTTL) {
		return 0, schema.Errors{"ttl": fmt.Sprintf("must be an integer between 0 and %d", dao.MaxTTL)}
	}
	return n, nil
}

// isReference accepts a name or id, {id = …} and {name = …}.
func isReference(v any) bool {
	switch x := v.(type) {
	case string:
		return x != ""
	case map[string]any:
		for _, e := range x {
			if s, ok := e.(string); !ok || s == "" {
				return false
			}
		}
		return len(x) > 0
	}
	return false
}

// deprecations warns about fields that will go.
func (l *loader) deprecations(it *item, rec map[string]any) {
	for _, w := range it.kind.schema.Deprecated(rec) {
		l.warnings = append(l.warnings, fmt.Sprintf("%s %s: %s", it.kind.schema.Name, it.label(), w))
	}
}

// label names an entity for people.
func (it *item) label() string {
	for _, f := range []string{"name", "username", it.kind.schema.EndpointKey, "id"} {
		if s, ok := it.raw[f].(string); ok && s != "" {
			return s
		}
	}
	return fmt.Sprint(it.entry + 1)
}

// groups turns a consumer's `groups: [name]` into memberships.
func (l *loader) groups(k *kind, rec map[string]any) {
	list, ok := rec["groups"].([]any)
	const members = "consumer_group_consumers"
	if !ok || k.schema.Name != "consumers" || l.byName[members] == nil {
		return
	}
	delete(rec, "groups")
	nested, _ := rec[members].([]any)
	for _, g := range list {
		nested = append(nested, map[string]any{"consumer_group": g})
	}
	rec[members] = nested
}
