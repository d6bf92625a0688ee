package schema

import (
	"errors"
	"strings"
)

// Callable is a function that came with a table (a Lua function kept by its
// runtime). Errors are those of the call itself.
type Callable interface {
	Call(args ...any) (results []any, err error)
}

// FromTable reads a schema that was written as a table, as a schema.lua or a
// daos.lua returns it, with the values of this package and functions as
// Callable. A table with the key TypedefKey is the typedef of that name with
// the other attributes laid over it.
//
// The error is an Errors tree over the table: unknown types and attributes,
// malformed patterns, missing fields.
func FromTable(t map[string]any) (*Schema, error) {
	errs := Errors{}
	s := &Schema{}
	r := tableReader{errs: errs}
	for k, v := range t {
		r.schemaAttribute(s, k, v)
	}
	if s.Fields == nil {
		if _, ok := errs["fields"]; !ok {
			errs["fields"] = msgRequired
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// TypedefKey marks a table that stands for a typedef.
const TypedefKey = "__typedef"

type tableReader struct{ errs Errors }

func (r *tableReader) bad(key string, v any) { setOnce(r.errs, key, v) }

func (r *tableReader) text(key string, v any, into *string) {
	s, ok := v.(string)
	if !ok {
		r.bad(key, "expected a string")
		return
	}
	*into = s
}

func (r *tableReader) flag(key string, v any, into *bool) {
	b, ok := v.(bool)
	if !ok {
		r.bad(key, "expected a boolean")
		return
	}
	*into = b
}

func (r *tableReader) strings(key string, v any, into *[]string) {
	l, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); !isMap || len(m) > 0 {
			r.bad(key, "expected an array")
			return
		}
	}
	out := make([]string, 0, len(l))
	for _, e := range l {
		s, ok := e.(string)
		if !ok {
			r.bad(key, "expected a string")
			return
		}
		out = append(out, s)
	}
	*into = out
}

func (r *tableReader) length(key string, v any, into **int) {
	n, ok := v.(float64)
	if !ok || n != float64(int(n)) {
		r.bad(key, "expected an integer")
		return
	}
	*into = Int(int(n))
}

func (r *tableReader) schemaAttribute(s *Schema, k string, v any) {
	switch k {
	case "name":
		r.text(k, v, &s.Name)
	case "primary_key":
		r.strings(k, v, &s.PrimaryKey)
	case "endpoint_key":
		r.text(k, v, &s.EndpointKey)
	case "cache_key":
		r.strings(k, v, &s.CacheKey)
	case "workspaceable":
		r.flag(k, v, &s.Workspaceable)
	case "ttl":
		r.flag(k, v, &s.TTL)
	case "generate_admin_api":
		on := true
		r.flag(k, v, &on)
		s.NoAdminAPI = !on
	case "db_export":
		on := true
		r.flag(k, v, &on)
		s.NoExport = !on
	case "admin_api_name":
		r.text(k, v, &s.AdminAPIName)
	case "admin_api_nested_name":
		r.text(k, v, &s.AdminAPINestedName)
	case "table_name":
		r.text(k, v, &s.TableName)
	case "subschema_key":
		r.text(k, v, &s.SubschemaKey)
	case "subschema_error":
		r.text(k, v, &s.SubschemaError)
	case "fields":
		r.fields(k, v, &s.Fields)
	case "entity_checks":
		r.checks(k, v, &s.EntityChecks)
	case "shorthand_fields", "shorthands":
		r.shorthands(k, v, &s.ShorthandFields)
	case "transformations":
		r.transformations(k, v, &s.Transformations)
	case "check":
		if fn, ok := v.(Callable); ok {
			s.Check = recordFunc(fn)
		} else {
			r.bad(k, "expected a function")
		}
	case "dao", "api", "subschema_fields", "admin_api", "workspace_scoped", "legacy", "plugin":
		// say where code lives or what older versions did: nothing to check
	default:
		r.bad(k, msgUnknown)
	}
}

// fields reads a list of one-key tables: { {name = {…}}, … }.
func (r *tableReader) fields(key string, v any, into *[]Field) {
	l, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); !isMap || len(m) > 0 {
			r.bad(key, "expected an array")
		} else {
			*into = []Field{}
		}
		return
	}
	out := make([]Field, 0, len(l))
	var bad []any
	for i, e := range l {
		m, ok := e.(map[string]any)
		var wrong any
		if !ok || len(m) != 1 {
			wrong = "fields are a list of tables with one name each"
		}
		for name, def := range m {
			if wrong != nil {
				break
			}
			f, errs := fieldFromTable(def)
			if len(errs) > 0 {
				wrong = errs
				break
			}
			f.Name = name
			out = append(out, f)
		}
		if wrong != nil {
			for len(bad) < i {
				bad = append(bad, nil)
			}
			bad = append(bad, wrong)
		}
	}
	if bad != nil {
		r.bad(key, bad)
		return
	}
	*into = out
}

var allTypes = map[Type]bool{String: true, Integer: true, Number: true, Boolean: true, Array: true, Set: true,
	Map: true, Record: true, Foreign: true, Function: true, JSON: true}

const typeList = "number, array, integer, foreign, boolean, string, map, json, set, function, record"

func fieldFromTable(v any) (Field, Errors) {
	t, ok := v.(map[string]any)
	if !ok {
		return Field{}, Errors{EntityKey: []any{"expected a table"}}
	}
	r := tableReader{errs: Errors{}}
	var f Field
	if name, ok := t[TypedefKey].(string); ok {
		def, known := Typedefs[name]
		if !known {
			return f, Errors{EntityKey: []any{"unknown typedef '" + name + "'"}}
		}
		f = def
	}
	for k, a := range t {
		if k != TypedefKey {
			r.attribute(&f, k, a)
		}
	}
	switch {
	case f.Type == "" && r.errs["type"] == nil:
		r.bad("type", msgRequired)
	case f.Type == Foreign && f.Reference == "":
		r.bad("reference", msgRequired)
	case f.Type == Record && f.Fields == nil && !f.Abstract && r.errs["fields"] == nil:
		r.bad("fields", msgRequired)
	case (f.Type == Array || f.Type == Set) && f.Elements == nil && r.errs["elements"] == nil:
		r.bad("elements", msgRequired)
	}
	return f, r.errs
}

func (r *tableReader) sub(k string, v any, into **Field) {
	f, errs := fieldFromTable(v)
	if len(errs) > 0 {
		r.bad(k, errs)
		return
	}
	*into = &f
}

// attribute reads one attribute of a field.
func (r *tableReader) attribute(f *Field, k string, v any) {
	switch k {
	case "type":
		s, _ := v.(string)
		if !allTypes[Type(s)] {
			r.bad(k, "expected one of: "+typeList)
			return
		}
		f.Type = Type(s)
	case "required":
		r.flag(k, v, &f.Required)
		f.Optional = !f.Required
	case "default":
		f.Default = Normalize(v)
	case "elements":
		r.sub(k, v, &f.Elements)
	case "keys":
		r.sub(k, v, &f.Keys)
	case "values":
		r.sub(k, v, &f.Values)
	case "fields":
		r.fields(k, v, &f.Fields)
	case "entity_checks":
		r.checks(k, v, &f.EntityChecks)
	case "shorthand_fields", "shorthands":
		r.shorthands(k, v, &f.ShorthandFields)
	case "reference":
		r.text(k, v, &f.Reference)
	case "on_delete":
		r.text(k, v, &f.OnDelete)
	case "description":
		r.text(k, v, &f.Description)
	case "examples":
		f.Examples, _ = v.([]any)
	case "err":
		r.text(k, v, &f.Err)
	case "deprecation":
		f.Deprecation = deprecationFromTable(v)
	case "custom_validator":
		fn, ok := v.(Callable)
		if !ok {
			r.bad(k, "expected a function")
			return
		}
		f.Custom = validatorFunc(fn)
	case "json_schema":
		// schemas of JSON fields are looked up by name at run time
	default:
		r.flagAttribute(f, k, v)
	}
}

func (r *tableReader) flagAttribute(f *Field, k string, v any) {
	flags := map[string]*bool{
		"auto": &f.Auto, "uuid": &f.UUID, "timestamp": &f.Timestamp, "unique": &f.Unique,
		"unique_across_ws": &f.UniqueAcrossWS, "immutable": &f.Immutable, "transient": &f.Transient,
		"referenceable": &f.Referenceable, "encrypted": &f.Encrypted, "abstract": &f.Abstract, "nilable": &f.Nilable,
	}
	if p, ok := flags[k]; ok {
		r.flag(k, v, p)
		return
	}
	switch k {
	case "legacy", "hash", "indexed", "queryable", "prefix_ws", "db_export", "overwrite", "is_array", "len", "cache_key", "generate":
		// no effect here
	default:
		r.ruleAttribute(f, k, v)
	}
}

func (r *tableReader) ruleAttribute(f *Field, k string, v any) {
	switch k {
	case "between":
		l, _ := v.([]any)
		if len(l) != 2 {
			r.bad(k, "length must be 2")
			return
		}
		a, okA := l[0].(float64)
		b, okB := l[1].(float64)
		if !okA || !okB {
			r.bad(k, "expected a number")
			return
		}
		f.Between = []float64{a, b}
	case "gt":
		n, ok := v.(float64)
		if !ok {
			r.bad(k, "expected a number")
			return
		}
		f.Gt = &n
	case "eq":
		f.Eq = v
	case "ne":
		f.Ne = v
	case "one_of":
		f.OneOf = r.list(k, v)
	case "not_one_of":
		f.NotOneOf = r.list(k, v)
	case "contains":
		f.Contains = v
	case "len_eq":
		r.length(k, v, &f.LenEq)
	case "len_min":
		r.length(k, v, &f.LenMin)
	case "len_max":
		r.length(k, v, &f.LenMax)
	case "starts_with":
		r.text(k, v, &f.StartsWith)
	case "match":
		r.pattern(k, v, &f.Match)
	case "not_match":
		r.pattern(k, v, &f.NotMatch)
	case "match_all":
		f.MatchAll = r.patterns(k, v)
	case "match_none":
		f.MatchNone = r.patterns(k, v)
	case "match_any":
		m, ok := v.(map[string]any)
		if !ok {
			r.bad(k, "expected a record")
			return
		}
		f.MatchAny = &AnyPattern{}
		r.strings(k, m["patterns"], &f.MatchAny.Patterns)
		f.MatchAny.Err, _ = m["err"].(string)
	case "mutually_exclusive_subsets":
		l, _ := v.([]any)
		f.MutuallyExclusiveSubsets = make([][]string, len(l))
		for i := range l {
			r.strings(k, l[i], &f.MutuallyExclusiveSubsets[i])
		}
	default:
		r.bad(k, msgUnknown)
	}
}

func (r *tableReader) list(k string, v any) []any {
	l, ok := v.([]any)
	if !ok {
		r.bad(k, "expected an array")
		return nil
	}
	return normalizeList(l)
}

func (r *tableReader) pattern(k string, v any, into *string) {
	r.text(k, v, into)
	if err := CheckPattern(*into); err != nil {
		r.bad(k, err.Error())
	}
}

func (r *tableReader) patterns(k string, v any) []Pattern {
	l, ok := v.([]any)
	if !ok {
		r.bad(k, "expected an array")
		return nil
	}
	out := make([]Pattern, 0, len(l))
	for _, e := range l {
		m, _ := e.(map[string]any)
		var p Pattern
		r.pattern(k, m["pattern"], &p.Pattern)
		p.Err, _ = m["err"].(string)
		out = append(out, p)
	}
	return out
}

func deprecationFromTable(v any) *Deprecation {
	m, _ := v.(map[string]any)
	d := &Deprecation{OldDefault: m["old_default"]}
	d.Message, _ = m["message"].(string)
	d.RemovalInVersion, _ = m["removal_in_version"].(string)
	return d
}

// validatorFunc wraps a function that returns true, or nil and a message.
func validatorFunc(fn Callable) Validator {
	return func(v any) error { return verdict(fn.Call(v)) }
}

func recordFunc(fn Callable) func(map[string]any) error {
	return func(rec map[string]any) error { return verdict(fn.Call(rec)) }
}

// verdict reads (true) or (nil, message); the message may be a table by field.
func verdict(results []any, err error) error {
	if err != nil {
		return err
	}
	if len(results) > 0 && results[0] != nil && results[0] != false && results[0] != Null {
		return nil
	}
	if len(results) > 1 {
		switch m := results[1].(type) {
		case string:
			return errors.New(m)
		case map[string]any:
			return errorsOf(m)
		case []any:
			return Errors{EntityKey: m}
		}
	}
	return errors.New("validation failed")
}

// errorsOf turns nested maps into Errors.
func errorsOf(m map[string]any) Errors {
	e := make(Errors, len(m))
	for k, v := range m {
		switch x := v.(type) {
		case map[string]any:
			e[k] = errorsOf(x)
		case string:
			if strings.HasPrefix(k, "@") {
				e[k] = []any{x}
			} else {
				e[k] = x
			}
		default:
			e[k] = v
		}
	}
	return e
}
