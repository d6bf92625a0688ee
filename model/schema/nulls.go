package schema

// StripNulls drops explicit nulls from a record and the records in it; it
// changes rec.
func StripNulls(rec map[string]any) map[string]any {
	for k, v := range rec {
		switch x := v.(type) {
		case nil, null:
			delete(rec, k)
		case map[string]any:
			StripNulls(x)
		case []any:
			for _, e := range x {
				if m, ok := e.(map[string]any); ok {
					StripNulls(m)
				}
			}
		}
	}
	return rec
}

// WithNulls returns a copy of a stored record in which every field of the
// schema is present, with Null where it has no value, as the Admin API shows it.
func (s *Schema) WithNulls(rec map[string]any) map[string]any {
	return withNulls(&recordSpec{fields: s.Fields, shorthands: s.ShorthandFields, sub: s.sub(rec, Errors{})}, rec)
}

// WithNulls is the same for the value of a record field, as functions of the
// reference's language expect it.
func (f *Field) WithNulls(rec map[string]any) map[string]any {
	return withNulls(&recordSpec{fields: f.Fields, shorthands: f.ShorthandFields}, rec)
}

// ValueWithNulls is the same for a value of any field: the records in lists and
// maps are filled too, and what holds no record stays as it is.
func (f *Field) ValueWithNulls(v any) any { return nullsInside(f, v) }

func withNulls(spec *recordSpec, rec map[string]any) map[string]any {
	out := make(map[string]any, len(spec.fields))
	for k, v := range rec {
		out[k] = v
	}
	for i := range spec.fields {
		f := spec.at(i)
		v, ok := out[f.Name]
		if !ok || v == nil {
			if !f.Transient && !f.Nilable {
				out[f.Name] = Null
			}
			continue
		}
		out[f.Name] = nullsInside(f, v)
	}
	for i := range spec.shorthands {
		sh := &spec.shorthands[i]
		path := sh.TranslateBackwards
		if len(path) == 0 && len(sh.ReplacedWith) > 0 {
			path = sh.ReplacedWith[0]
		}
		if len(path) > 0 {
			v := lookup(out, path)
			if v == nil {
				v = Null
			}
			out[sh.Name] = v
		}
	}
	return out
}

func nullsInside(f *Field, v any) any {
	switch {
	case f.Type == Record && !f.Abstract:
		if m, ok := v.(map[string]any); ok {
			return withNulls(&recordSpec{fields: f.Fields, shorthands: f.ShorthandFields}, m)
		}
	case (f.Type == Array || f.Type == Set) && f.Elements != nil && f.Elements.Type == Record:
		if l, ok := v.([]any); ok {
			out := make([]any, len(l))
			for i := range l {
				out[i] = nullsInside(f.Elements, l[i])
			}
			return out
		}
	case f.Type == Map && f.Values != nil && f.Values.Type == Record:
		if m, ok := v.(map[string]any); ok {
			out := make(map[string]any, len(m))
			for k, e := range m {
				out[k] = nullsInside(f.Values, e)
			}
			return out
		}
	}
	return v
}

func lookup(rec map[string]any, path []string) any {
	var v any = rec
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}
