package lua

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// converter turns a described schema.lua or an entity of daos.lua into a schema.Schema.
// Every error names the path of the attribute that it does not understand.
type converter struct {
	control *control
}

func (cv *converter) schema(m map[string]any) (*schema.Schema, error) {
	s := &schema.Schema{
		Name:               text(m["name"]),
		PrimaryKey:         texts(m["primary_key"]),
		EndpointKey:        text(m["endpoint_key"]),
		CacheKey:           texts(m["cache_key"]),
		Workspaceable:      truth(m["workspaceable"]),
		TTL:                truth(m["ttl"]),
		NoAdminAPI:         m["generate_admin_api"] == false,
		NoExport:           m["db_export"] == false,
		AdminAPIName:       text(m["admin_api_name"]),
		AdminAPINestedName: text(m["admin_api_nested_name"]),
		TableName:          text(m["table_name"]),
		DAO:                text(m["dao"]),
	}
	var err error
	if s.Fields, err = cv.fields("fields", m["fields"]); err != nil {
		return nil, err
	}
	if s.EntityChecks, err = cv.checks("entity_checks", m["entity_checks"]); err != nil {
		return nil, err
	}
	s.EntityChecks = append(s.EntityChecks, bundledChecks(text(m["$typedef"]))...)
	whole := schema.Field{Type: schema.Record, Fields: s.Fields}
	checksSeeNulls(s.EntityChecks, &whole)
	if s.ShorthandFields, err = cv.shorthands("shorthand_fields", m["shorthand_fields"]); err != nil {
		return nil, err
	}
	for i, t := range listOf(m["transformations"]) {
		one, err := cv.transformation(fmt.Sprintf("transformations.%d", i+1), t)
		if err != nil {
			return nil, err
		}
		if one.OnWrite != nil || one.OnRead != nil {
			s.Transformations = append(s.Transformations, one)
		}
	}
	if fn := function(m["check"]); fn != 0 {
		s.Check = cv.recordCheck(fn)
	}
	return s, nil
}

// named gives the one entry of a table { name = attributes }, the form in
// which the reference lists fields.
func named(path string, v any) (string, map[string]any, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return "", nil, fmt.Errorf("%s: expected a table with one key, the field's name", path)
	}
	for name, a := range m {
		attributes, ok := a.(map[string]any)
		if !ok {
			return "", nil, fmt.Errorf("%s.%s: expected a table of attributes", path, name)
		}
		return name, attributes, nil
	}
	return "", nil, nil
}

func (cv *converter) fields(path string, v any) ([]schema.Field, error) {
	list := listOf(v)
	if m, ok := v.(map[string]any); ok && len(m) > 0 {
		return nil, fmt.Errorf("%s: expected a list of fields { name = … }", path)
	}
	fields := make([]schema.Field, 0, len(list))
	for i, e := range list {
		name, attributes, err := named(fmt.Sprintf("%s.%d", path, i+1), e)
		if err != nil {
			return nil, err
		}
		f, err := cv.field(path+"."+name, attributes)
		if err != nil {
			return nil, err
		}
		f.Name = name
		fields = append(fields, f)
	}
	return fields, nil
}

var types = []schema.Type{schema.Number, schema.Array, schema.Integer, schema.Foreign, schema.Boolean, schema.String, schema.Map,
	schema.JSON, schema.Set, schema.Function, schema.Record}

// setters give a field its attributes. "" in known marks what is accepted and has no meaning here.
var known = []string{"$typedef", "legacy", "prefix_ws", "indexed", "is_regex", "subschemas", "schema", "hostname_type",
	"generate_admin_api", "optional", "translate_backwards", "func", "subschema_key", "subschema_error"}

// field converts a field and looks whether its attributes go together.
func (cv *converter) field(path string, m map[string]any) (schema.Field, error) {
	f, err := cv.attributes(path, m)
	if err == nil {
		err = consistent(path, &f, m)
	}
	return f, err
}

// attributes converts a field, or what a condition asks of one.
func (cv *converter) attributes(path string, m map[string]any) (schema.Field, error) {
	var f schema.Field
	if name := text(m["$typedef"]); name != "" {
		var ok bool
		if strings.HasPrefix(name, bundledMark) {
			f, ok = bundledField(name)
		} else {
			f, ok = typedefs[name]
		}
		if !ok {
			return f, fmt.Errorf("%s: there is no typedef %q", path, name)
		}
		f.Name = ""
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if slices.Contains(known, k) {
			continue
		}
		understood, err := cv.plainAttribute(&f, k, m[k])
		if !understood && err == nil {
			understood, err = cv.deepAttribute(path, &f, k, m[k])
		}
		if err != nil {
			return f, err
		}
		if !understood {
			return f, fmt.Errorf("%s.%s: unknown field", path, k)
		}
	}
	if f.Type != "" && !slices.Contains(types, f.Type) {
		var names []string
		for _, t := range types {
			names = append(names, string(t))
		}
		return f, fmt.Errorf("%s.type: expected one of: %s", path, strings.Join(names, ", "))
	}
	validatorsSeeNulls(&f)
	return f, nil
}

// plainAttribute sets attributes that hold values only.
func (cv *converter) plainAttribute(f *schema.Field, key string, v any) (understood bool, err error) {
	switch key {
	case "type":
		f.Type = schema.Type(text(v))
	case "required":
		f.Required, f.Optional = truth(v), v == false
	case "default":
		f.Default = stored(v)
	case "auto":
		f.Auto = truth(v)
	case "uuid":
		f.UUID = truth(v)
	case "timestamp":
		f.Timestamp = truth(v)
	case "unique":
		f.Unique = truth(v)
	case "unique_across_ws":
		f.UniqueAcrossWS = truth(v)
	case "immutable":
		f.Immutable = truth(v)
	case "transient":
		f.Transient = truth(v)
	case "referenceable":
		f.Referenceable = truth(v)
	case "encrypted":
		f.Encrypted = truth(v)
	case "abstract":
		f.Abstract = truth(v)
	case "nilable":
		f.Nilable = truth(v)
	case "between":
		f.Between = numbers(v)
	case "gt":
		f.Gt = number(v)
	case "eq":
		f.Eq = stored(v)
	case "ne":
		f.Ne = stored(v)
	case "one_of":
		f.OneOf = values(v)
	case "not_one_of":
		f.NotOneOf = values(v)
	case "len_min":
		f.LenMin = integer(v)
	case "len_eq":
		f.LenEq = integer(v)
	case "len_max":
		f.LenMax = integer(v)
	case "match":
		f.Match = text(v)
	case "not_match":
		f.NotMatch = text(v)
	case "match_all":
		f.MatchAll = patterns(v)
	case "match_none":
		f.MatchNone = patterns(v)
	case "match_any":
		if m, ok := v.(map[string]any); ok {
			f.MatchAny = &schema.AnyPattern{Patterns: texts(m["patterns"]), Err: text(m["err"])}
		}
	case "starts_with":
		f.StartsWith = text(v)
	case "contains":
		f.Contains = stored(v)
	case "mutually_exclusive_subsets":
		for _, s := range listOf(v) {
			f.MutuallyExclusiveSubsets = append(f.MutuallyExclusiveSubsets, texts(s))
		}
	case "err":
		f.Err = text(v)
	case "reference":
		f.Reference = text(v)
	case "on_delete":
		f.OnDelete = text(v)
	case "description":
		f.Description = text(v)
	case "examples":
		f.Examples = values(v)
	case "deprecation":
		f.Deprecation = deprecation(v)
	default:
		return false, nil
	}
	return true, nil
}

// deepAttribute sets attributes that hold fields or functions.
func (cv *converter) deepAttribute(path string, f *schema.Field, key string, v any) (understood bool, err error) {
	path += "." + key
	sub := func() *schema.Field {
		m, ok := v.(map[string]any)
		if !ok {
			err = fmt.Errorf("%s: expected a table of attributes", path)
			return nil
		}
		var s schema.Field
		s, err = cv.field(path, m)
		return &s
	}
	switch key {
	case "elements":
		f.Elements = sub()
	case "keys":
		f.Keys = sub()
	case "values":
		f.Values = sub()
	case "fields":
		f.Fields, err = cv.fields(path, v)
	case "entity_checks":
		f.EntityChecks, err = cv.checks(path, v)
	case "shorthand_fields":
		f.ShorthandFields, err = cv.shorthands(path, v)
	case "custom_validator":
		fn := function(v)
		if fn == 0 {
			return true, fmt.Errorf("%s: expected a function", path)
		}
		f.Custom = cv.validator(fn)
	case "json_schema":
		f.JSONSchema, err = jsonSchema(path, v)
	default:
		return false, nil
	}
	return true, err
}

func deprecation(v any) *schema.Deprecation {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return &schema.Deprecation{Message: text(m["message"]), RemovalInVersion: text(m["removal_in_version"]), OldDefault: stored(m["old_default"])}
}

func (cv *converter) shorthands(path string, v any) ([]schema.Shorthand, error) {
	var out []schema.Shorthand
	for i, e := range listOf(v) {
		name, m, err := named(fmt.Sprintf("%s.%d", path, i+1), e)
		if err != nil {
			return nil, err
		}
		f, err := cv.field(path+"."+name, m)
		if err != nil {
			return nil, err
		}
		f.Name = name
		s := schema.Shorthand{Field: f, TranslateBackwards: texts(m["translate_backwards"])}
		if d, ok := m["deprecation"].(map[string]any); ok {
			for _, r := range listOf(d["replaced_with"]) {
				if rm, ok := r.(map[string]any); ok {
					s.ReplacedWith = append(s.ReplacedWith, texts(rm["path"]))
				}
			}
		}
		if fn := function(m["func"]); fn != 0 {
			s.Fn = func(value any) (map[string]any, error) { return cv.table(fn, value) }
		}
		out = append(out, s)
	}
	return out, nil
}

func (cv *converter) transformation(path string, v any) (schema.Transformation, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return schema.Transformation{}, fmt.Errorf("%s: expected a table", path)
	}
	t := schema.Transformation{Input: texts(m["input"]), Needs: texts(m["needs"])}
	inputs := append(slices.Clone(t.Input), t.Needs...)
	change := func(key string) func(map[string]any) (map[string]any, error) {
		fn := function(m[key])
		if fn == 0 {
			return nil
		}
		return func(record map[string]any) (map[string]any, error) {
			args := make([]any, len(inputs))
			for i, p := range inputs {
				args[i] = at(record, p)
			}
			return cv.table(fn, args...)
		}
	}
	t.OnWrite, t.OnRead = change("on_write"), change("on_read")
	if t.OnWrite == nil && t.OnRead == nil {
		return t, fmt.Errorf("%s: expected a function on_write or on_read", path)
	}
	return t, nil
}

// at is the value at a dotted path of record, nil where there is none.
func at(record map[string]any, path string) any {
	var v any = record
	for _, name := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func text(v any) string { s, _ := v.(string); return s }

func truth(v any) bool { b, _ := v.(bool); return b }

func texts(v any) []string {
	var out []string
	for _, e := range listOf(v) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func number(v any) *float64 {
	n, ok := v.(float64)
	if !ok {
		return nil
	}
	return &n
}

func integer(v any) *int {
	n, ok := v.(float64)
	if !ok {
		return nil
	}
	return schema.Int(int(n))
}

func numbers(v any) []float64 {
	var out []float64
	for _, e := range listOf(v) {
		if n, ok := e.(float64); ok {
			out = append(out, n)
		}
	}
	return out
}

func values(v any) []any {
	list := listOf(v)
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = stored(e)
	}
	return out
}

func patterns(v any) []schema.Pattern {
	var out []schema.Pattern
	for _, e := range listOf(v) {
		if m, ok := e.(map[string]any); ok {
			out = append(out, schema.Pattern{Pattern: text(m["pattern"]), Err: text(m["err"])})
		}
	}
	return out
}

// function is the number of a described function, 0 if v is none.
func function(v any) int {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return 0
	}
	n, _ := m["$function"].(float64)
	return int(n)
}

// stored turns a value from Lua into one of model/schema.
func stored(v any) any {
	switch v := v.(type) {
	case Null:
		return schema.Null
	case Array:
		return values([]any(v))
	case []any:
		return values(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = stored(e)
		}
		return out
	}
	return v
}
