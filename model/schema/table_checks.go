package schema

import "fmt"

// checks reads entity checks: { {at_least_one_of = {…}}, … }.
func (r *tableReader) checks(key string, v any, into *[]EntityCheck) {
	l, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); !isMap || len(m) > 0 {
			r.bad(key, "expected an array")
		}
		return
	}
	var bad []any
	for i, e := range l {
		m, _ := e.(map[string]any)
		sub := tableReader{errs: Errors{}}
		if len(m) != 1 {
			sub.bad(EntityKey, []any{"an entity check is a table with one key"})
		}
		var c EntityCheck
		for name, a := range m {
			sub.check(&c, name, a)
		}
		if len(sub.errs) > 0 {
			for len(bad) < i {
				bad = append(bad, nil)
			}
			bad = append(bad, sub.errs)
			continue
		}
		*into = append(*into, c)
	}
	if bad != nil {
		r.bad(key, bad)
	}
}

func (r *tableReader) check(c *EntityCheck, name string, v any) {
	m, _ := v.(map[string]any)
	switch name {
	case "at_least_one_of":
		r.strings(name, v, &c.AtLeastOneOf)
	case "only_one_of":
		r.strings(name, v, &c.OnlyOneOf)
	case "mutually_required":
		r.strings(name, v, &c.MutuallyRequired)
	case "mutually_exclusive":
		r.strings(name, v, &c.MutuallyExclusive)
	case "distinct", "unique":
		r.strings(name, v, &c.Distinct)
	case "mutually_exclusive_sets":
		c.MutuallyExclusiveSets = &ExclusiveSets{}
		r.strings("set1", m["set1"], &c.MutuallyExclusiveSets.Set1)
		r.strings("set2", m["set2"], &c.MutuallyExclusiveSets.Set2)
	case "conditional":
		x := &Conditional{}
		r.text("if_field", m["if_field"], &x.IfField)
		r.text("then_field", m["then_field"], &x.ThenField)
		r.match("if_match", m["if_match"], &x.IfMatch)
		r.match("then_match", m["then_match"], &x.ThenMatch)
		x.ThenErr, _ = m["then_err"].(string)
		c.Conditional = x
	case "conditional_at_least_one_of":
		x := &ConditionalAtLeastOneOf{}
		r.text("if_field", m["if_field"], &x.IfField)
		r.match("if_match", m["if_match"], &x.IfMatch)
		r.strings("then_at_least_one_of", m["then_at_least_one_of"], &x.ThenAtLeastOneOf)
		x.ThenErr, _ = m["then_err"].(string)
		if m["else_match"] != nil {
			x.ElseMatch = &Field{}
			r.match("else_match", m["else_match"], x.ElseMatch)
			r.strings("else_then_at_least_one_of", m["else_then_at_least_one_of"], &x.ElseThenAtLeastOneOf)
			x.ElseThenErr, _ = m["else_then_err"].(string)
		}
		c.ConditionalAtLeastOneOf = x
	case "custom_entity_check":
		x := &CustomEntityCheck{}
		r.strings("field_sources", m["field_sources"], &x.FieldSources)
		x.RunWithMissingFields, _ = m["run_with_missing_fields"].(bool)
		x.RunWithInvalidFields, _ = m["run_with_invalid_fields"].(bool)
		fn, ok := m["fn"].(Callable)
		if !ok {
			r.bad("fn", "expected a function")
			return
		}
		x.Fn = recordFunc(fn)
		c.CustomEntityCheck = x
	default:
		r.bad(name, "unknown entity check")
	}
}

// match reads attributes that need no type.
func (r *tableReader) match(k string, v any, into *Field) {
	m, ok := v.(map[string]any)
	if !ok {
		if l, isList := v.([]any); isList && len(l) == 0 {
			return
		}
		r.bad(k, msgRequired)
		return
	}
	sub := tableReader{errs: Errors{}}
	for name, a := range m {
		sub.attribute(into, name, a)
	}
	if len(sub.errs) > 0 {
		r.bad(k, sub.errs)
	}
}

// shorthands reads { {name = {type = …, func = …}}, … }.
func (r *tableReader) shorthands(key string, v any, into *[]Shorthand) {
	l, _ := v.([]any)
	var bad []any
	for i, e := range l {
		m, _ := e.(map[string]any)
		for name, def := range m {
			sh, errs := shorthandFromTable(name, def)
			if len(errs) > 0 {
				for len(bad) < i {
					bad = append(bad, nil)
				}
				bad = append(bad, errs)
				continue
			}
			*into = append(*into, sh)
		}
	}
	if bad != nil {
		r.bad(key, bad)
	}
}

func shorthandFromTable(name string, def any) (Shorthand, Errors) {
	t, ok := def.(map[string]any)
	if !ok {
		return Shorthand{}, Errors{name: "expected a table"}
	}
	var sh Shorthand
	plain := make(map[string]any, len(t))
	for k, v := range t {
		switch k {
		case "func", "translate_backwards", "translate_backwards_with", "replaced_with":
		default:
			plain[k] = v
		}
	}
	f, errs := fieldFromTable(plain)
	sh.Field = f
	sh.Name = name
	if d := sh.Deprecation; d != nil {
		if m, ok := t["deprecation"].(map[string]any); ok {
			sh.ReplacedWith = append(sh.ReplacedWith, paths(m["replaced_with"])...)
		}
	}
	sh.ReplacedWith = append(sh.ReplacedWith, paths(t["replaced_with"])...)
	if l, ok := t["translate_backwards"].([]any); ok {
		for _, e := range l {
			sh.TranslateBackwards = append(sh.TranslateBackwards, fmt.Sprint(e))
		}
	}
	if fn, ok := t["func"].(Callable); ok {
		sh.Fn = func(v any) (map[string]any, error) {
			res, err := fn.Call(v)
			if err != nil {
				return nil, err
			}
			if len(res) > 0 {
				if m, ok := res[0].(map[string]any); ok {
					return m, nil
				}
			}
			return nil, verdict(append(res, nil), nil)
		}
	}
	return sh, errs
}

// paths reads { {path = {"a", "b"}}, … }.
func paths(v any) [][]string {
	l, _ := v.([]any)
	var out [][]string
	for _, e := range l {
		m, _ := e.(map[string]any)
		p, _ := m["path"].([]any)
		var path []string
		for _, s := range p {
			path = append(path, fmt.Sprint(s))
		}
		if path != nil {
			out = append(out, path)
		}
	}
	return out
}

func (r *tableReader) transformations(key string, v any, into *[]Transformation) {
	l, _ := v.([]any)
	for _, e := range l {
		m, _ := e.(map[string]any)
		var t Transformation
		r.strings(key, m["input"], &t.Input)
		if m["needs"] != nil {
			r.strings(key, m["needs"], &t.Needs)
		}
		if fn, ok := m["on_write"].(Callable); ok {
			t.OnWrite = onWrite(fn, t.Input, t.Needs)
		}
		*into = append(*into, t)
	}
}

// onWrite calls the function with the values of the fields, inputs first.
func onWrite(fn Callable, input, needs []string) func(map[string]any) (map[string]any, error) {
	return func(rec map[string]any) (map[string]any, error) {
		var args []any
		for _, list := range [][]string{input, needs} {
			for _, n := range list {
				args = append(args, valueAt(rec, n))
			}
		}
		res, err := fn.Call(args...)
		if err != nil {
			return nil, err
		}
		if len(res) > 0 {
			if m, ok := res[0].(map[string]any); ok {
				return m, nil
			}
		}
		if len(res) > 1 && res[1] != nil {
			return nil, verdict(res, nil)
		}
		return nil, nil
	}
}
