package lua

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// checks converts entity_checks.
func (cv *converter) checks(path string, v any) ([]schema.EntityCheck, error) {
	var out []schema.EntityCheck
	for i, e := range listOf(v) {
		here := fmt.Sprintf("%s.%d", path, i+1)
		m, ok := e.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: expected a table", here)
		}
		for kind, rule := range m {
			c, err := cv.check(here+"."+kind, kind, rule)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func (cv *converter) check(path, kind string, v any) (c schema.EntityCheck, err error) {
	m, _ := v.(map[string]any)
	switch kind {
	case "at_least_one_of":
		c.AtLeastOneOf = texts(v)
	case "only_one_of":
		c.OnlyOneOf = texts(v)
	case "mutually_required":
		c.MutuallyRequired = texts(v)
	case "mutually_exclusive":
		c.MutuallyExclusive = texts(v)
	case "mutually_exclusive_sets":
		c.MutuallyExclusiveSets = &schema.ExclusiveSets{Set1: texts(m["set1"]), Set2: texts(m["set2"])}
	case "distinct":
		c.Distinct = texts(v)
	case "conditional":
		c.Conditional, err = cv.conditional(path, m)
	case "conditional_at_least_one_of":
		c.ConditionalAtLeastOneOf, err = cv.conditionalOneOf(path, m)
	case "custom_entity_check":
		fn := function(m["fn"])
		if fn == 0 {
			return c, fmt.Errorf("%s.fn: expected a function", path)
		}
		c.CustomEntityCheck = &schema.CustomEntityCheck{FieldSources: texts(m["field_sources"]),
			RunWithMissingFields: truth(m["run_with_missing_fields"]), RunWithInvalidFields: truth(m["run_with_invalid_fields"])}
		c.CustomEntityCheck.Fn = cv.entityCheck(fn, c.CustomEntityCheck.FieldSources)
	default:
		return c, fmt.Errorf("%s: unknown field", path)
	}
	return c, err
}

func (cv *converter) conditional(path string, m map[string]any) (*schema.Conditional, error) {
	c := &schema.Conditional{IfField: text(m["if_field"]), ThenField: text(m["then_field"]), ThenErr: text(m["then_err"])}
	var err error
	if c.IfMatch, err = cv.match(path+".if_match", m["if_match"]); err != nil {
		return nil, err
	}
	c.ThenMatch, err = cv.match(path+".then_match", m["then_match"])
	return c, err
}

func (cv *converter) conditionalOneOf(path string, m map[string]any) (*schema.ConditionalAtLeastOneOf, error) {
	c := &schema.ConditionalAtLeastOneOf{IfField: text(m["if_field"]), ThenAtLeastOneOf: texts(m["then_at_least_one_of"]),
		ThenErr: text(m["then_err"]), ElseThenAtLeastOneOf: texts(m["else_then_at_least_one_of"]), ElseThenErr: text(m["else_then_err"])}
	var err error
	if c.IfMatch, err = cv.match(path+".if_match", m["if_match"]); err != nil {
		return nil, err
	}
	if m["else_match"] != nil {
		var f schema.Field
		f, err = cv.match(path+".else_match", m["else_match"])
		c.ElseMatch = &f
	}
	return c, err
}

// match converts the attributes of a condition; without a type they are laid over the field's.
func (cv *converter) match(path string, v any) (schema.Field, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return schema.Field{}, nil
	}
	return cv.attributes(path, m)
}

// call runs a function of the schema.
func (cv *converter) call(fn int, args ...any) ([]any, error) {
	out, err := cv.control.do("call", append([]any{fn}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("the schema's function failed: %w", withoutTrace(err))
	}
	return out, nil
}

// verdict reads what a check returned: true, or nil or false with an error text or table.
func verdict(out []any, otherwise string) error {
	if len(out) > 0 && out[0] != nil && out[0] != false {
		return nil
	}
	if len(out) > 1 {
		switch e := out[1].(type) {
		case string:
			return errors.New(e)
		case map[string]any, []any:
			return tree(e)
		}
	}
	return errors.New(otherwise)
}

// tree turns an error table into schema.Errors.
func tree(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		var parts []string
		for _, e := range listOf(v) {
			parts = append(parts, fmt.Sprint(e))
		}
		return errors.New(strings.Join(parts, "; "))
	}
	return branch(m)
}

func branch(m map[string]any) schema.Errors {
	out := schema.Errors{}
	for k, e := range m {
		if sub, ok := e.(map[string]any); ok {
			out[k] = branch(sub)
		} else {
			out[k] = e
		}
	}
	return out
}

// judge runs a check on value. A check may change what it is shown, and the
// change stays: plugins hash or encrypt secrets in this way, and fill fields
// in that depend on others.
func (cv *converter) judge(fn int, value any, otherwise string) error {
	out, err := cv.control.do("judge", fn, value)
	if err != nil {
		return fmt.Errorf("the schema's function failed: %w", withoutTrace(err))
	}
	if len(out) > 2 {
		old, isMap := value.(map[string]any)
		if changed, ok := out[2].(map[string]any); ok && isMap {
			overlay(old, changed)
		}
	}
	return verdict(out, otherwise)
}

// overlay makes old equal to changed, in place. What is equal stays as it is,
// since an empty list and an empty map are one thing in Lua.
func overlay(old, changed map[string]any) {
	for k := range old {
		if _, ok := changed[k]; !ok {
			delete(old, k)
		}
	}
	for k, v := range changed {
		before, isMap := old[k].(map[string]any)
		if after, ok := v.(map[string]any); ok && isMap {
			overlay(before, after)
			continue
		}
		if list, ok := old[k].([]any); ok && len(list) == 0 {
			if m, empty := v.(map[string]any); empty && len(m) == 0 {
				continue
			}
		}
		old[k] = stored(v)
	}
}

func (cv *converter) validator(fn int) schema.Validator {
	return func(value any) error {
		return cv.judge(fn, value, "invalid value: "+fmt.Sprint(value))
	}
}

// entityCheck runs a check on the fields that it named.
func (cv *converter) entityCheck(fn int, sources []string) func(map[string]any) error {
	return func(record map[string]any) error {
		part := map[string]any{}
		for _, path := range sources {
			put(part, path, at(record, path))
		}
		return cv.judge(fn, part, "entity check failed")
	}
}

func (cv *converter) recordCheck(fn int) func(map[string]any) error {
	return func(record map[string]any) error {
		return cv.judge(fn, record, "schema check failed")
	}
}

// checksSeeNulls gives rules written as functions the record with Null in every
// field without a value, however deep, as the reference does: a plugin's rule
// asks whether a field is ngx.null, or takes its type.
func checksSeeNulls(checks []schema.EntityCheck, record *schema.Field) {
	for i := range checks {
		if c := checks[i].CustomEntityCheck; c != nil {
			fn := c.Fn
			c.Fn = func(rec map[string]any) error {
				shown := record.WithNulls(rec)
				err := fn(shown)
				adopt(rec, shown)
				return err
			}
		}
	}
}

// validatorsSeeNulls is the same for the functions of a field that holds records.
func validatorsSeeNulls(f *schema.Field) {
	spec := *f
	spec.ShorthandFields = nil // resolved before anything is checked
	checksSeeNulls(f.EntityChecks, &spec)
	if check := f.Custom; check != nil && (f.Fields != nil || f.Elements != nil || f.Values != nil) {
		f.Custom = func(v any) error {
			shown := spec.ValueWithNulls(v)
			err := check(shown)
			if rec, ok := v.(map[string]any); ok {
				adopt(rec, shown.(map[string]any))
			}
			return err
		}
	}
}

// adopt takes over what a function changed in shown, a copy of rec with nulls;
// nulls that only the copy has stay there.
func adopt(rec, shown map[string]any) {
	for k := range rec {
		if _, ok := shown[k]; !ok {
			delete(rec, k)
		}
	}
	for k, v := range shown {
		old, had := rec[k]
		before, isMap := old.(map[string]any)
		after, toMap := v.(map[string]any)
		switch {
		case v == schema.Null && !had:
		case isMap && toMap:
			adopt(before, after)
		default:
			rec[k] = adopted(old, v)
		}
	}
}

// adopted is the value that a field gets whose value was old.
func adopted(old, v any) any {
	list, ok := v.([]any)
	if !ok {
		if m, isMap := v.(map[string]any); isMap {
			return schema.StripNulls(m)
		}
		return v
	}
	was, _ := old.([]any)
	out := make([]any, len(list))
	for i, e := range list {
		m, isMap := e.(map[string]any)
		if !isMap {
			out[i] = e
			continue
		}
		if i < len(was) {
			if before, ok := was[i].(map[string]any); ok {
				adopt(before, m)
				out[i] = before
				continue
			}
		}
		out[i] = schema.StripNulls(m)
	}
	return out
}

// put sets a dotted path; what is absent becomes null, as the reference has it.
func put(record map[string]any, path string, v any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		sub, ok := record[name].(map[string]any)
		if !ok {
			sub = map[string]any{}
			record[name] = sub
		}
		record = sub
	}
	last := names[len(names)-1]
	if v == nil {
		v = schema.Null
	}
	if old, ok := record[last].(map[string]any); ok { // part of it was put before
		if m, isMap := v.(map[string]any); isMap {
			for k, e := range m {
				old[k] = e
			}
			return
		}
	}
	record[last] = v
}

// table runs a function that returns a table of fields, or nil and an error.
func (cv *converter) table(fn int, args ...any) (map[string]any, error) {
	out, err := cv.call(fn, args...)
	if err != nil {
		return nil, err
	}
	m, ok := first(out).(map[string]any)
	if !ok {
		if len(out) > 1 && out[1] != nil {
			return nil, verdict(out, "")
		}
		return nil, nil
	}
	return stored(m).(map[string]any), nil
}
