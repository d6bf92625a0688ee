package schema

import (
	"strings"
)

// runEntityChecks runs rules over several fields. full is the whole record,
// given what the caller wrote (the same, except in an update).
func runEntityChecks(checks []EntityCheck, fields []Field, sub *Schema, full, given map[string]any, ctx Context, errs Errors) {
	if len(checks) == 0 {
		return
	}
	r := checkRun{spec: &recordSpec{fields: fields, sub: sub}, full: full, given: given, ctx: ctx, errs: errs}
	for i := range checks {
		r.run(&checks[i])
	}
}

type checkRun struct {
	spec        *recordSpec
	full, given map[string]any
	ctx         Context
	errs        Errors
}

func (r *checkRun) run(c *EntityCheck) {
	switch {
	case c.AtLeastOneOf != nil:
		if r.touched(c.AtLeastOneOf) && r.count(c.AtLeastOneOf) == 0 {
			r.fail(c.AtLeastOneOf, "at least one of these fields must be non-empty: ")
		}
	case c.OnlyOneOf != nil:
		if r.touched(c.OnlyOneOf) && r.count(c.OnlyOneOf) != 1 {
			r.fail(c.OnlyOneOf, "exactly one of these fields must be non-empty: ")
		}
	case c.MutuallyRequired != nil:
		if n := r.count(c.MutuallyRequired); n > 0 && n < len(c.MutuallyRequired) && r.touched(c.MutuallyRequired) {
			r.fail(c.MutuallyRequired, "all or none of these fields must be set: ")
		}
	case c.MutuallyExclusive != nil:
		if r.touched(c.MutuallyExclusive) && r.count(c.MutuallyExclusive) > 1 {
			r.fail(c.MutuallyExclusive, "only one or none of these fields must be set: ")
		}
	case c.MutuallyExclusiveSets != nil:
		s := c.MutuallyExclusiveSets
		if r.count(s.Set1) > 0 && r.count(s.Set2) > 0 {
			r.errs.addEntity("these sets are mutually exclusive: (" + quoteList(s.Set1) + "), (" + quoteList(s.Set2) + ")")
		}
	case c.Distinct != nil:
		r.distinct(c.Distinct)
	case c.Conditional != nil:
		r.conditional(c.Conditional)
	case c.ConditionalAtLeastOneOf != nil:
		r.conditionalOneOf(c.ConditionalAtLeastOneOf)
	case c.CustomEntityCheck != nil:
		r.custom(c.CustomEntityCheck)
	}
}

func (r *checkRun) fail(names []string, text string) {
	text += quoteList(names)
	if r.ctx == Update {
		text = "when updating, " + text
	}
	r.errs.addEntity(text)
}

// touched tells if an update concerns one of the fields; outside of updates
// every rule runs.
func (r *checkRun) touched(names []string) bool {
	if r.ctx != Update {
		return true
	}
	for _, n := range names {
		head, _, _ := strings.Cut(n, ".")
		if r.given[head] != nil {
			return true
		}
	}
	return false
}

func (r *checkRun) count(names []string) int {
	n := 0
	for _, name := range names {
		v := valueAt(r.full, name)
		if _, isMap := v.(map[string]any); nonEmpty(v) || isMap && r.fieldAt(name).Type == Record {
			n++
		}
	}
	return n
}

// nonEmpty: null, "" and empty lists and maps do not count as set (a record
// that is there does).
func nonEmpty(v any) bool {
	switch x := v.(type) {
	case nil, null:
		return false
	case string:
		return x != ""
	case []any:
		return len(x) > 0
	case map[string]any:
		return len(x) > 0
	}
	return true
}

// valueAt reads a dotted path.
func valueAt(rec map[string]any, path string) any {
	for {
		head, rest, dotted := strings.Cut(path, ".")
		v := rec[head]
		if !dotted {
			return v
		}
		sub, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		rec, path = sub, rest
	}
}

func (r *checkRun) distinct(names []string) {
	if !r.touched(names) {
		return
	}
	for i, a := range names {
		va := valueAt(r.full, a)
		if !nonEmpty(va) {
			continue
		}
		for _, b := range names[:i] {
			if Equal(va, valueAt(r.full, b)) {
				r.errs.addEntity("values of these fields must be distinct: " + quoteList(names))
				return
			}
		}
	}
}

// fieldAt finds a field by dotted path.
func (r *checkRun) fieldAt(path string) *Field {
	head, rest, dotted := strings.Cut(path, ".")
	f, ok := r.spec.find(head)
	for ok && dotted {
		head, rest, dotted = strings.Cut(rest, ".")
		f, ok = fieldOf(f.Fields, head)
	}
	if !ok {
		return &Field{}
	}
	return f
}

// passes validates a value against a field with the attributes of match laid
// over it.
func passes(f *Field, match *Field, v any) any {
	m := overlayField(f, match)
	if v == nil || v == Null {
		return validateNull(m)
	}
	if m.Eq == Null {
		return m.text("value must be null")
	}
	if m.Type != "" {
		return validateValue(m, v, Insert)
	}
	return validateRules(m, v)
}

func (r *checkRun) conditional(c *Conditional) {
	if !r.touched([]string{c.IfField, c.ThenField}) {
		return
	}
	ifValue := valueAt(r.full, c.IfField)
	if r.errs.hasPath(c.IfField) && ifValue != nil {
		return
	}
	if ifValue == nil || ifValue == Null {
		// a condition on a missing value holds only where it asks for null
		if c.IfMatch.Eq != Null {
			return
		}
	} else if passes(r.fieldAt(c.IfField), &c.IfMatch, ifValue) != nil {
		return
	}
	then := r.fieldAt(c.ThenField)
	match := c.ThenMatch
	bad := passes(then, &match, valueAt(r.full, c.ThenField))
	if bad == nil {
		return
	}
	r.errs.setPath(c.ThenField, bad)
	text := "failed conditional validation given value of field '" + c.IfField + "'"
	if c.ThenErr != "" {
		text = strings.ReplaceAll(c.ThenErr, "%s", c.IfField)
	}
	r.errs.addEntity(text)
}

func (r *checkRun) conditionalOneOf(c *ConditionalAtLeastOneOf) {
	names := append([]string{c.IfField}, c.ThenAtLeastOneOf...)
	if !r.touched(append(names, c.ElseThenAtLeastOneOf...)) {
		return
	}
	v := valueAt(r.full, c.IfField)
	if v == nil || r.errs.hasPath(c.IfField) {
		return
	}
	f := r.fieldAt(c.IfField)
	need, text := c.ThenAtLeastOneOf, c.ThenErr
	if passes(f, &c.IfMatch, v) != nil {
		if c.ElseMatch == nil || passes(f, c.ElseMatch, v) != nil {
			return
		}
		need, text = c.ElseThenAtLeastOneOf, c.ElseThenErr
	}
	if r.count(need) > 0 {
		return
	}
	if text == "" {
		text = "at least one of these fields must be non-empty: %s"
	}
	r.errs.addEntity(strings.ReplaceAll(text, "%s", quoteList(need)))
}

// custom runs a rule written as a function. Fields without a value count as
// given null, as in the reference; what does not hold by itself stops the rule.
func (r *checkRun) custom(c *CustomEntityCheck) {
	if c.Fn == nil || !r.touched(c.FieldSources) && !c.RunWithMissingFields {
		return
	}
	if !c.RunWithInvalidFields {
		for _, n := range c.FieldSources {
			if r.errs.hasPath(n) {
				return
			}
		}
	}
	if err := c.Fn(r.full); err != nil {
		addCheckError(r.errs, err)
	}
}

// addCheckError files the error of a rule: a tree names its fields, a text
// concerns the record.
func addCheckError(errs Errors, err error) {
	switch t := treeOf(err).(type) {
	case Errors:
		errs.Merge(t)
	default:
		errs.addEntity(t)
	}
}

func allGiven(rec map[string]any, names []string) bool {
	for _, n := range names {
		if v := valueAt(rec, n); v == nil || v == Null {
			return false
		}
	}
	return true
}

// overlayField lays the attributes that match sets over those of f.
func overlayField(f, match *Field) *Field {
	m := *f
	if match.Type != "" {
		m.Type = match.Type
	}
	if match.Required {
		m.Required, m.Optional = true, false
	}
	if match.Eq != nil {
		m.Eq = match.Eq
	}
	if match.Ne != nil {
		m.Ne = match.Ne
	}
	if match.OneOf != nil {
		m.OneOf, m.AlsoOneOf = match.OneOf, match.AlsoOneOf
	}
	if match.NotOneOf != nil {
		m.NotOneOf = match.NotOneOf
	}
	if match.Between != nil {
		m.Between = match.Between
	}
	if match.Gt != nil {
		m.Gt = match.Gt
	}
	if match.LenEq != nil {
		m.LenEq = match.LenEq
	}
	if match.LenMin != nil {
		m.LenMin = match.LenMin
	}
	if match.LenMax != nil {
		m.LenMax = match.LenMax
	}
	overlayPatterns(&m, match)
	return &m
}

func overlayPatterns(m, match *Field) {
	if match.Match != "" {
		m.Match = match.Match
	}
	if match.NotMatch != "" {
		m.NotMatch = match.NotMatch
	}
	if match.MatchAll != nil {
		m.MatchAll = match.MatchAll
	}
	if match.MatchNone != nil {
		m.MatchNone = match.MatchNone
	}
	if match.MatchAny != nil {
		m.MatchAny = match.MatchAny
	}
	if match.StartsWith != "" {
		m.StartsWith = match.StartsWith
	}
	if match.Contains != nil {
		m.Contains = match.Contains
	}
	if match.Elements != nil {
		m.Elements = match.Elements
	}
	if match.UUID {
		m.UUID = true
	}
	if match.Custom != nil {
		m.Custom = match.Custom
	}
	if match.Err != "" {
		m.Err = match.Err
	}
}
