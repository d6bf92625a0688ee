package schema

// Texts of violations, in the reference's words.
const (
	msgRequired = "required field missing"
	msgUnknown  = "unknown field"
)

// Validate checks a record that Fill completed. The error is an Errors tree
// with all violations.
func (s *Schema) Validate(rec map[string]any, ctx Context) error {
	errs := Errors{}
	sub := s.sub(rec, errs)
	validateRecord(&recordSpec{fields: s.Fields, sub: sub}, rec, ctx, errs)
	s.runChecks(rec, rec, sub, ctx, errs)
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (s *Schema) runChecks(full, given map[string]any, sub *Schema, ctx Context, errs Errors) {
	runEntityChecks(s.EntityChecks, s.Fields, sub, full, given, ctx, errs)
	if sub != nil {
		runEntityChecks(sub.EntityChecks, s.Fields, sub, full, given, ctx, errs)
	}
	for _, c := range []*Schema{s, sub} {
		if c == nil || c.Check == nil || len(errs) > 0 {
			continue
		}
		if err := c.Check(full); err != nil {
			addCheckError(errs, err)
		}
	}
}

func validateRecord(spec *recordSpec, rec map[string]any, ctx Context, errs Errors) {
	for k, v := range rec {
		if v == nil {
			continue
		}
		f, ok := spec.find(k)
		if !ok {
			setOnce(errs, k, msgUnknown)
			continue
		}
		if bad := validateValue(f, v, ctx); bad != nil {
			setOnce(errs, k, bad)
		}
	}
	if ctx == Update {
		return
	}
	for i := range spec.fields {
		f := spec.at(i)
		if rec[f.Name] == nil {
			if f.required() && !f.Abstract {
				setOnce(errs, f.Name, msgRequired)
			}
		}
	}
}

func setOnce(errs Errors, k string, v any) {
	if _, ok := errs[k]; !ok {
		errs[k] = v
	}
}

// validateValue returns what is wrong with a value: nil, a text, a list or a
// tree.
func validateValue(f *Field, v any, ctx Context) any {
	if v == Null {
		return validateNull(f)
	}
	if f.Eq == Null {
		return f.text("value must be null")
	}
	if f.Abstract {
		return nil
	}
	if bad := validateType(f, v, ctx); bad != nil {
		return bad
	}
	if f.Referenceable {
		if s, ok := v.(string); ok && IsReference(s) {
			return nil
		}
	}
	return validateRules(f, v)
}

func validateNull(f *Field) any {
	if f.Eq != nil && f.Eq != Null {
		return f.text("value must be " + Text(f.Eq))
	}
	if f.Ne == Null {
		return f.text("value must not be null")
	}
	if f.required() {
		return msgRequired
	}
	return nil
}

// text is the field's own error text, or the standard one.
func (f *Field) text(standard string) string {
	if f.Err != "" {
		return f.Err
	}
	return standard
}

func validateType(f *Field, v any, ctx Context) any {
	switch f.Type {
	case String:
		if _, ok := v.(string); !ok {
			return "expected a string"
		}
	case Number:
		if _, ok := v.(float64); !ok {
			return "expected a number"
		}
	case Integer:
		n, ok := v.(float64)
		if !ok || n != float64(int64(n)) {
			return "expected an integer"
		}
	case Boolean:
		if _, ok := v.(bool); !ok {
			return "expected a boolean"
		}
	case Array, Set:
		return validateList(f, v, ctx)
	case Map:
		return validateMap(f, v, ctx)
	case Record:
		return validateNested(f, v, ctx)
	case Foreign:
		return validateForeign(f, v)
	case Function:
		if !isFunction(v) {
			return "expected a function"
		}
	case JSON:
		if f.JSONSchema != nil {
			if err := f.JSONSchema(v); err != nil {
				return treeOf(err)
			}
		}
	default:
		return "invalid schema: unknown type '" + string(f.Type) + "'"
	}
	return nil
}

// isFunction accepts a Go function or a value that says it is one (a Lua
// function kept by a runtime).
func isFunction(v any) bool {
	switch v.(type) {
	case string, float64, bool, []any, map[string]any, nil, null:
		return false
	}
	return true
}

func validateList(f *Field, v any, ctx Context) any {
	l, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); isMap && len(m) == 0 {
			return nil
		}
		if f.Type == Set {
			return "expected a set"
		}
		return "expected an array"
	}
	if f.Elements == nil {
		return nil
	}
	var bad []any
	for i, e := range l {
		b := validateElement(f.Elements, e, ctx)
		if b == nil {
			continue
		}
		for len(bad) < i {
			bad = append(bad, nil)
		}
		bad = append(bad, b)
	}
	if bad == nil {
		return nil
	}
	return bad
}

// validateElement treats a null element as missing.
func validateElement(f *Field, v any, ctx Context) any {
	if v == nil || v == Null {
		if f.Type == Record || f.Required || f.Type == String {
			return msgRequired
		}
		return nil
	}
	if ctx == Update {
		ctx = Upsert
	}
	return validateValue(f, v, ctx)
}

func validateMap(f *Field, v any, ctx Context) any {
	m, ok := v.(map[string]any)
	if !ok {
		l, isList := v.([]any)
		if !isList {
			return "expected a map"
		}
		// a list is a map with the keys 1, 2, …
		m = make(map[string]any, len(l))
		if len(l) > 0 && f.Keys != nil && f.Keys.Type == String {
			return "expected a string"
		}
		for i, e := range l {
			m[FormatNumber(float64(i+1))] = e
		}
	}
	if ctx == Update {
		ctx = Upsert
	}
	for _, k := range sortedKeys(m) {
		if f.Keys != nil {
			if bad := validateValue(f.Keys, mapKey(f.Keys, k), ctx); bad != nil {
				return bad
			}
		}
		if f.Values != nil {
			e := m[k]
			if e == nil {
				e = Null
			}
			if bad := validateValue(f.Values, e, ctx); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// mapKey turns the key of a map back into a number where the schema has one.
func mapKey(f *Field, k string) any {
	if f.Type == Integer || f.Type == Number {
		if n, ok := parseNumber(k); ok {
			return n
		}
	}
	return k
}

func validateNested(f *Field, v any, ctx Context) any {
	m, ok := v.(map[string]any)
	if !ok {
		l, isList := v.([]any)
		if !isList {
			return "expected a record"
		}
		bad := make([]any, len(l))
		for i := range l {
			bad[i] = msgUnknown
		}
		if len(bad) > 0 {
			return bad
		}
		m = map[string]any{}
	}
	errs := Errors{}
	validateRecord(&recordSpec{fields: f.Fields}, m, ctx, errs)
	runEntityChecks(f.EntityChecks, f.Fields, nil, m, m, ctx, errs)
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func validateForeign(f *Field, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return Errors{"id": "missing primary key"}
	}
	id, ok := m["id"]
	if !ok || id == Null {
		return Errors{"id": "missing primary key"}
	}
	s, ok := id.(string)
	if !ok {
		return Errors{"id": "expected a string"}
	}
	if !IsUUID(s) {
		return Errors{"id": "expected a valid UUID"}
	}
	return nil
}
