package schema

// Export writes the schema the way the Admin API's /schemas show it: fields
// as a list of one-key objects with the attributes that are set (functions
// are left out), and the entity checks.
func (s *Schema) Export() map[string]any {
	return map[string]any{"fields": exportFields(s.Fields), "entity_checks": exportChecks(s.EntityChecks)}
}

func exportFields(fields []Field) []any {
	out := make([]any, len(fields))
	for i := range fields {
		out[i] = map[string]any{fields[i].Name: fields[i].Export()}
	}
	return out
}

// Export writes a field's attributes.
func (f *Field) Export() map[string]any {
	m := map[string]any{}
	if f.Type != "" {
		m["type"] = string(f.Type)
	}
	switch {
	case f.Type == Record && !f.Abstract, f.Required:
		m["required"] = !f.Optional
	case f.Optional:
		m["required"] = false
	}
	for name, on := range map[string]bool{"auto": f.Auto, "uuid": f.UUID, "timestamp": f.Timestamp, "unique": f.Unique,
		"unique_across_ws": f.UniqueAcrossWS, "immutable": f.Immutable, "transient": f.Transient,
		"referenceable": f.Referenceable, "encrypted": f.Encrypted, "abstract": f.Abstract} {
		if on {
			m[name] = true
		}
	}
	set := func(name string, v any) {
		if v != nil {
			m[name] = Normalize(v)
		}
	}
	set("default", f.Default)
	set("eq", f.Eq)
	set("ne", f.Ne)
	set("contains", f.Contains)
	for name, l := range map[string][]any{"one_of": f.OneOf, "not_one_of": f.NotOneOf, "examples": f.Examples} {
		if l != nil {
			m[name] = normalizeList(l)
		}
	}
	for name, s := range map[string]string{"match": f.Match, "not_match": f.NotMatch, "starts_with": f.StartsWith,
		"err": f.Err, "reference": f.reference(), "on_delete": f.OnDelete, "description": f.Description} {
		if s != "" {
			m[name] = s
		}
	}
	for name, n := range map[string]*int{"len_min": f.LenMin, "len_eq": f.LenEq, "len_max": f.LenMax} {
		if n != nil {
			m[name] = float64(*n)
		}
	}
	if f.Between != nil {
		m["between"] = List(f.Between...)
	}
	if f.Gt != nil {
		m["gt"] = *f.Gt
	}
	f.exportPatterns(m)
	f.exportInner(m)
	return m
}

func (f *Field) exportPatterns(m map[string]any) {
	for name, l := range map[string][]Pattern{"match_all": f.MatchAll, "match_none": f.MatchNone} {
		if l == nil {
			continue
		}
		out := make([]any, len(l))
		for i, p := range l {
			e := map[string]any{"pattern": p.Pattern}
			if p.Err != "" {
				e["err"] = p.Err
			}
			out[i] = e
		}
		m[name] = out
	}
	if f.MatchAny != nil {
		e := map[string]any{"patterns": List(f.MatchAny.Patterns...)}
		if f.MatchAny.Err != "" {
			e["err"] = f.MatchAny.Err
		}
		m["match_any"] = e
	}
	if f.MutuallyExclusiveSubsets != nil {
		m["mutually_exclusive_subsets"] = Normalize(f.MutuallyExclusiveSubsets)
	}
}

func (f *Field) exportInner(m map[string]any) {
	for name, sub := range map[string]*Field{"elements": f.Elements, "keys": f.Keys, "values": f.Values} {
		if sub == nil {
			continue
		}
		e := sub.Export()
		if sub.Type == Record && !sub.Required {
			delete(e, "required")
		}
		m[name] = e
	}
	if f.Fields != nil {
		m["fields"] = exportFields(f.Fields)
	}
	if f.EntityChecks != nil {
		m["entity_checks"] = exportChecks(f.EntityChecks)
	}
	if f.ShorthandFields != nil {
		out := make([]any, len(f.ShorthandFields))
		for i := range f.ShorthandFields {
			out[i] = map[string]any{f.ShorthandFields[i].Name: f.ShorthandFields[i].Field.Export()}
		}
		m["shorthand_fields"] = out
	}
	if d := f.Deprecation; d != nil {
		e := map[string]any{}
		if d.Message != "" {
			e["message"] = d.Message
		}
		if d.RemovalInVersion != "" {
			e["removal_in_version"] = d.RemovalInVersion
		}
		if d.OldDefault != nil {
			e["old_default"] = Normalize(d.OldDefault)
		}
		m["deprecation"] = e
	}
}

func exportChecks(checks []EntityCheck) []any {
	out := make([]any, 0, len(checks))
	for i := range checks {
		c := &checks[i]
		for name, l := range map[string][]string{"at_least_one_of": c.AtLeastOneOf, "only_one_of": c.OnlyOneOf,
			"mutually_required": c.MutuallyRequired, "mutually_exclusive": c.MutuallyExclusive, "distinct": c.Distinct} {
			if l != nil {
				out = append(out, map[string]any{name: List(l...)})
			}
		}
		if x := c.Conditional; x != nil {
			e := map[string]any{"if_field": x.IfField, "if_match": x.IfMatch.Export(), "then_field": x.ThenField, "then_match": x.ThenMatch.Export()}
			if x.ThenErr != "" {
				e["then_err"] = x.ThenErr
			}
			out = append(out, map[string]any{"conditional": e})
		}
		if x := c.ConditionalAtLeastOneOf; x != nil {
			out = append(out, map[string]any{"conditional_at_least_one_of": exportOneOf(x)})
		}
		if x := c.CustomEntityCheck; x != nil {
			e := map[string]any{"field_sources": List(x.FieldSources...)}
			if x.RunWithMissingFields {
				e["run_with_missing_fields"] = true
			}
			out = append(out, map[string]any{"custom_entity_check": e})
		}
	}
	return out
}

func exportOneOf(x *ConditionalAtLeastOneOf) map[string]any {
	e := map[string]any{"if_field": x.IfField, "if_match": x.IfMatch.Export(), "then_at_least_one_of": List(x.ThenAtLeastOneOf...)}
	if x.ThenErr != "" {
		e["then_err"] = x.ThenErr
	}
	if x.ElseMatch != nil {
		e["else_match"] = x.ElseMatch.Export()
		e["else_then_at_least_one_of"] = List(x.ElseThenAtLeastOneOf...)
		e["else_then_err"] = x.ElseThenErr
	}
	return e
}

// reference is shown for foreign keys only; lists of ids have one as well.
func (f *Field) reference() string {
	if f.Type == Foreign {
		return f.Reference
	}
	return ""
}
