package schema

// Transform applies the transformations of the schema, and of the subschema
// that the record selects, to a record, which it changes.
func (s *Schema) Transform(rec map[string]any) (map[string]any, error) {
	return s.TransformIf(rec, true)
}

// TransformIf is Transform, where all is false only for the transformations
// that always run.
func (s *Schema) TransformIf(rec map[string]any, all bool) (map[string]any, error) {
	for i := range s.Transformations {
		t := &s.Transformations[i]
		if t.OnWrite == nil || !all && !t.Always || !allGiven(rec, t.Input) {
			continue
		}
		if !allGiven(rec, t.Needs) {
			all := append(append([]string(nil), t.Input...), t.Needs...)
			return nil, Errors{EntityKey: []any{"all or none of these fields must be set: " + quoteList(all)}}
		}
		set, err := t.OnWrite(rec)
		if err != nil {
			return nil, Errors{EntityKey: []any{treeOf(err)}}
		}
		for k, v := range set { // records merge: a transformation names only what it changes
			overlay(rec, k, v)
		}
	}
	if sub := s.sub(rec, Errors{}); sub != nil {
		return sub.TransformIf(rec, all)
	}
	return rec, nil
}

// Reads says whether a transformation changes what readers see.
func (s *Schema) Reads() bool {
	for i := range s.Transformations {
		if s.Transformations[i].OnRead != nil {
			return true
		}
	}
	return false
}

// Read is a stored record as readers see it: a copy where a transformation has
// an OnRead whose inputs are given, else rec itself.
func (s *Schema) Read(rec map[string]any) (map[string]any, error) {
	if !s.Reads() {
		return rec, nil
	}
	rec, _ = Normalize(rec).(map[string]any) // a deep copy
	for i := range s.Transformations {
		t := &s.Transformations[i]
		if t.OnRead == nil || !allGiven(rec, t.Input) || !allGiven(rec, t.Needs) {
			continue
		}
		set, err := t.OnRead(rec)
		if err != nil {
			return nil, err
		}
		for k, v := range set {
			overlay(rec, k, v)
		}
	}
	return rec, nil
}
