package schema

import (
	"fmt"
	"time"
)

// Process fills defaults and generated values into a copy of in, validates it
// and returns it without nulls. The error is an Errors tree.
//
// Insert and Upsert fill defaults of everything not given. Update leaves
// absent fields alone, so in is a partial record; use ProcessUpdate where the
// rules over several fields must see the rest.
func (s *Schema) Process(in map[string]any, ctx Context) (map[string]any, error) {
	rec, err := s.Fill(in, ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Validate(rec, ctx); err != nil {
		return nil, err
	}
	if rec, err = s.Transform(rec); err != nil {
		return nil, err
	}
	return StripNulls(rec), nil
}

// ProcessUpdate checks a partial record against the stored one and returns
// the two merged: records merge field by field, everything else is replaced.
func (s *Schema) ProcessUpdate(patch, stored map[string]any) (map[string]any, error) {
	p, err := s.fillUpdate(patch, stored)
	if err != nil {
		return nil, err
	}
	merged := s.Merge(stored, p)
	errs := Errors{}
	sub := s.sub(merged, errs)
	validateRecord(&recordSpec{fields: s.Fields, sub: sub}, p, Update, errs)
	s.runChecks(merged, p, sub, Update, errs)
	if len(errs) > 0 {
		return nil, errs
	}
	if merged, err = s.Transform(merged); err != nil {
		return nil, err
	}
	return StripNulls(merged), nil
}

func (s *Schema) fillUpdate(patch, stored map[string]any) (map[string]any, error) {
	errs := Errors{}
	view := patch
	if s.SubschemaKey != "" && patch[s.SubschemaKey] == nil {
		// the subschema is chosen by the stored value
		view = make(map[string]any, len(patch)+1)
		for k, v := range patch {
			view[k] = v
		}
		view[s.SubschemaKey] = stored[s.SubschemaKey]
	}
	p := fillRecord(&recordSpec{fields: s.Fields, shorthands: s.ShorthandFields, sub: s.sub(view, Errors{})}, patch, Update, errs)
	if len(errs) > 0 {
		return nil, errs
	}
	return p, nil
}

// Fill returns a copy of in with shorthands translated and, on Insert and
// Upsert, defaults and generated values. Explicit nulls stay. It does not
// validate, but a bad shorthand is an Errors.
func (s *Schema) Fill(in map[string]any, ctx Context) (map[string]any, error) {
	errs := Errors{}
	out := fillRecord(&recordSpec{fields: s.Fields, shorthands: s.ShorthandFields, sub: s.sub(in, Errors{})}, in, ctx, errs)
	if len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// recordSpec is what a record is checked against: fields, which a subschema
// may override by name.
type recordSpec struct {
	fields     []Field
	shorthands []Shorthand
	sub        *Schema
}

// at returns the i-th field as the subschema sees it.
func (r *recordSpec) at(i int) *Field {
	f := &r.fields[i]
	if r.sub == nil {
		return f
	}
	if o, ok := fieldOf(r.sub.Fields, f.Name); ok {
		return o
	}
	return f
}

func (r *recordSpec) find(name string) (*Field, bool) {
	for i := range r.fields {
		if r.fields[i].Name == name {
			return r.at(i), true
		}
	}
	return nil, false
}

// sub finds the subschema that a record selects. An unknown key is put into
// errs.
func (s *Schema) sub(rec map[string]any, errs Errors) *Schema {
	if s.SubschemaKey == "" || s.Subschema == nil {
		return nil
	}
	v := rec[s.SubschemaKey]
	if v == nil {
		if f, ok := s.Field(s.SubschemaKey); ok {
			v = Normalize(f.Default)
		}
	}
	switch k := v.(type) {
	case string:
		if sub, ok := s.Subschema(k); ok {
			return sub
		}
		s.subschemaError(k, errs)
	case []any:
		// all values of one record select the same rules; the first known wins
		for _, e := range k {
			if name, ok := e.(string); ok {
				if sub, ok := s.Subschema(name); ok {
					return sub
				}
			}
		}
		if len(k) == 0 {
			s.subschemaError("nil", errs)
		}
	}
	return nil
}

func (s *Schema) subschemaError(key string, errs Errors) {
	text := "unknown type: " + key
	if s.SubschemaError != "" {
		text = fmt.Sprintf(s.SubschemaError, key)
	}
	if _, ok := errs[s.SubschemaKey]; !ok {
		errs[s.SubschemaKey] = text
	}
}

func fillRecord(spec *recordSpec, in map[string]any, ctx Context, errs Errors) map[string]any {
	out := make(map[string]any, len(in)+4)
	for k, v := range in {
		out[k] = v
	}
	translateShorthands(spec.shorthands, out, errs)
	for i := range spec.fields {
		f := spec.at(i)
		v, given := out[f.Name]
		if v == nil {
			given = false
		}
		if !given {
			if v = fillMissing(f, ctx); v == nil {
				continue
			}
		} else if f.Auto && f.Timestamp && f.Name == "updated_at" && ctx != Insert && ctx != Select {
			v = now(f.Type)
		}
		out[f.Name] = fillValue(f, v, ctx, f.Name, errs)
	}
	return out
}

// fillMissing is the value of a field that was not given, nil for none.
func fillMissing(f *Field, ctx Context) any {
	if f.Auto && f.Timestamp && (ctx == Insert || ctx == Upsert || ctx == Update && f.Name == "updated_at") {
		return now(f.Type)
	}
	if ctx != Insert && ctx != Upsert {
		return nil
	}
	switch {
	case f.Auto && f.UUID:
		return NewUUID()
	case f.Default != nil:
		return Copy(Normalize(f.Default))
	case f.Auto && f.Type == String:
		return RandomString()
	case f.Type == Record && f.required():
		return map[string]any{}
	}
	return nil
}

// fillValue completes what lies inside a value.
func fillValue(f *Field, v any, ctx Context, name string, errs Errors) any {
	switch f.Type {
	case Record:
		m, ok := v.(map[string]any)
		if !ok {
			if l, isList := v.([]any); isList && len(l) == 0 {
				m, ok = map[string]any{}, true
			}
		}
		if !ok || f.Abstract {
			return v
		}
		inner := Errors{}
		// a record inside an update is completed only by the merge
		out := fillRecord(&recordSpec{fields: f.Fields, shorthands: f.ShorthandFields}, m, ctx, inner)
		if len(inner) > 0 {
			errs.Merge(inner)
		}
		return out
	case Foreign:
		if m, ok := v.(map[string]any); ok && len(m) > 1 && m["id"] != nil {
			return map[string]any{"id": m["id"]}
		}
	case Array, Set:
		l, ok := v.([]any)
		if !ok {
			if m, isMap := v.(map[string]any); isMap && len(m) == 0 {
				return []any{}
			}
			return v
		}
		if f.Elements != nil && (f.Elements.Type == Record || f.Elements.Type == Array || f.Elements.Type == Set || f.Elements.Type == Map) {
			ectx := ctx
			if ctx == Update {
				ectx = Upsert // elements are replaced as a whole
			}
			out := make([]any, len(l))
			for i := range l {
				out[i] = fillValue(f.Elements, l[i], ectx, name, errs)
			}
			l = out
		}
		if f.Type == Set {
			return distinct(l)
		}
		return l
	case Map:
		m, ok := v.(map[string]any)
		if !ok {
			if l, isList := v.([]any); isList && len(l) == 0 {
				return map[string]any{}
			}
			return v
		}
		if f.Values == nil || f.Values.Type != Record && f.Values.Type != Array && f.Values.Type != Set {
			return v
		}
		out := make(map[string]any, len(m))
		for k, e := range m {
			ectx := ctx
			if ctx == Update {
				ectx = Upsert
			}
			out[k] = fillValue(f.Values, e, ectx, name, errs)
		}
		return out
	}
	return v
}

// distinct drops repeated elements of a set, keeping the order.
func distinct(l []any) []any {
	dup := false
	if len(l) <= 16 {
		for i := 1; i < len(l) && !dup; i++ {
			for j := range i {
				if scalarEqual(l[i], l[j]) {
					dup = true
					break
				}
			}
		}
		if !dup {
			return l
		}
	}
	seen := make(map[any]bool, len(l))
	out := make([]any, 0, len(l))
	for _, v := range l {
		switch v.(type) {
		case string, float64, bool:
			if seen[v] {
				continue
			}
			seen[v] = true
		}
		out = append(out, v)
	}
	return out
}

func scalarEqual(a, b any) bool {
	switch a.(type) {
	case string, float64, bool:
		return a == b
	}
	return false
}

func now(t Type) float64 {
	n := time.Now()
	if t == Number {
		return float64(n.UnixMilli()) / 1000
	}
	return float64(n.Unix())
}

// Merge returns stored with patch laid over it: records merge field by field.
func (s *Schema) Merge(stored, patch map[string]any) map[string]any {
	return mergeRecord(&recordSpec{fields: s.Fields, sub: s.sub(stored, Errors{})}, stored, patch)
}

func mergeRecord(spec *recordSpec, stored, patch map[string]any) map[string]any {
	out := make(map[string]any, len(stored)+len(patch))
	for k, v := range stored {
		out[k] = v
	}
	for k, v := range patch {
		f, ok := spec.find(k)
		if ok && f.Type == Record {
			old, okOld := out[k].(map[string]any)
			add, okAdd := v.(map[string]any)
			if okOld && okAdd {
				out[k] = mergeRecord(&recordSpec{fields: f.Fields}, old, add)
				continue
			}
		}
		out[k] = v
	}
	return out
}
