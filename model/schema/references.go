package schema

import "maps"

// ReferencesKey is the key under which a record keeps the references that
// ResolveReferences replaced in it, by field name.
const ReferencesKey = "$refs"

// ResolveReferences replaces the references in a plugin's configuration by
// what resolve makes of them, in referenceable fields only: elsewhere such a
// text stands for itself. Records in which something was replaced are copied and say
// what it was under ReferencesKey. Without any, config itself is returned. s is the plugin's schema.
func (s *Schema) ResolveReferences(config map[string]any, resolve func(reference string) (string, error)) (map[string]any, error) {
	f, ok := s.Config()
	if !ok {
		return config, nil
	}
	r := resolver{resolve}
	out, _, err := r.record(f.Fields, config)
	return out, err
}

type resolver struct {
	resolve func(string) (string, error)
}

// record resolves one record; changed tells if out is a copy.
func (r resolver) record(fields []Field, rec map[string]any) (out map[string]any, changed bool, err error) {
	out = rec
	set := func(name string, v any) {
		if !changed {
			out, changed = maps.Clone(rec), true
		}
		out[name] = v
	}
	refs := map[string]any{}
	for i := range fields {
		f := &fields[i]
		v, ok := rec[f.Name]
		if !ok {
			continue
		}
		value, ref, err := r.value(f, v)
		if err != nil {
			return nil, false, err
		}
		if value != nil {
			set(f.Name, value)
		}
		if ref != nil {
			refs[f.Name] = ref
		}
	}
	if len(refs) > 0 {
		set(ReferencesKey, refs)
	}
	return out, changed, nil
}

// value resolves what a field holds: nil where nothing changed. ref has the
// references in the shape of the value.
func (r resolver) value(f *Field, v any) (value, ref any, err error) {
	switch v := v.(type) {
	case string:
		if f.Referenceable && IsReference(v) {
			s, err := r.resolve(v)
			return s, v, err
		}
	case []any:
		if f.Elements != nil {
			return r.list(f.Elements, v)
		}
	case map[string]any:
		if f.Type == Record {
			out, changed, err := r.record(f.Fields, v)
			if !changed {
				return nil, nil, err
			}
			return out, nil, err
		}
		if f.Values != nil {
			return r.table(f.Values, v)
		}
	}
	return nil, nil, nil
}

func (r resolver) list(elements *Field, list []any) (value, ref any, err error) {
	var out, refs []any
	for i, e := range list {
		v, one, err := r.value(elements, e)
		if err != nil {
			return nil, nil, err
		}
		if v != nil {
			if out == nil {
				out = append([]any(nil), list...)
			}
			out[i] = v
		}
		if one != nil {
			if refs == nil {
				refs = make([]any, len(list))
			}
			refs[i] = one
		}
	}
	return some(out), some(refs), nil
}

func (r resolver) table(values *Field, m map[string]any) (value, ref any, err error) {
	var out, refs map[string]any
	for k, e := range m {
		v, one, err := r.value(values, e)
		if err != nil {
			return nil, nil, err
		}
		if v != nil {
			if out == nil {
				out = maps.Clone(m)
			}
			out[k] = v
		}
		if one != nil {
			if refs == nil {
				refs = map[string]any{}
			}
			refs[k] = one
		}
	}
	if out == nil {
		return nil, nil, nil
	}
	if refs == nil {
		return out, nil, nil
	}
	return out, refs, nil
}

// some is list as a value, nil for none.
func some(list []any) any {
	if list == nil {
		return nil
	}
	return list
}
