package schema

import (
	"strconv"
	"strings"
)

// validateRules runs the attributes of a field against a value of its type.
func validateRules(f *Field, v any) any {
	if bad := rangeRules(f, v); bad != "" {
		return f.text(bad)
	}
	if s, ok := v.(string); ok {
		if bad := stringRules(f, s); bad != "" {
			return f.text(bad)
		}
	}
	if bad := choiceRules(f, v); bad != "" {
		return f.text(bad)
	}
	if bad := subsetRule(f, v); bad != "" {
		return bad
	}
	if f.Custom != nil {
		if err := f.Custom(v); err != nil {
			return treeOf(err)
		}
	}
	return nil
}

func rangeRules(f *Field, v any) string {
	if n, ok := v.(float64); ok {
		if len(f.Between) == 2 && (n < f.Between[0] || n > f.Between[1]) {
			return "value should be between " + FormatNumber(f.Between[0]) + " and " + FormatNumber(f.Between[1])
		}
		if f.Gt != nil && n <= *f.Gt {
			return "value must be greater than " + FormatNumber(*f.Gt)
		}
		if f.Timestamp && n <= 0 {
			return "expected a valid timestamp"
		}
	}
	n := -1
	switch x := v.(type) {
	case string:
		n = len(x)
		if f.LenMin == nil && f.LenEq == nil && n == 0 {
			return "length must be at least 1"
		}
	case []any:
		n = len(x)
	case map[string]any:
		if f.Type == Map || f.Type == Array || f.Type == Set {
			n = len(x)
		}
	}
	if n < 0 {
		return ""
	}
	if f.LenEq != nil && n != *f.LenEq {
		return "length must be " + strconv.Itoa(*f.LenEq)
	}
	if f.LenMin != nil && n < *f.LenMin {
		return "length must be at least " + strconv.Itoa(*f.LenMin)
	}
	if f.LenMax != nil && n > *f.LenMax {
		return "length must be at most " + strconv.Itoa(*f.LenMax)
	}
	return ""
}

func stringRules(f *Field, s string) string {
	if f.UUID && !IsUUID(s) {
		return "expected a valid UUID"
	}
	if f.StartsWith != "" && !strings.HasPrefix(s, f.StartsWith) {
		return "should start with: " + f.StartsWith
	}
	invalid := func(own string) string {
		if own != "" {
			return own
		}
		return "invalid value: " + s
	}
	if f.Match != "" && !matches(f.Match, s) {
		return invalid("")
	}
	if f.NotMatch != "" && matches(f.NotMatch, s) {
		return invalid("")
	}
	for i := range f.MatchNone {
		if matches(f.MatchNone[i].Pattern, s) {
			return invalid(f.MatchNone[i].Err)
		}
	}
	for i := range f.MatchAll {
		if !matches(f.MatchAll[i].Pattern, s) {
			return invalid(f.MatchAll[i].Err)
		}
	}
	if f.MatchAny != nil {
		for _, p := range f.MatchAny.Patterns {
			if matches(p, s) {
				return ""
			}
		}
		return invalid(f.MatchAny.Err)
	}
	return ""
}

// matches treats a pattern that cannot be run as not matching.
func matches(pattern, s string) bool {
	ok, err := Match(pattern, s)
	return err == nil && ok
}

func choiceRules(f *Field, v any) string {
	if f.Eq != nil && !Equal(v, f.Eq) {
		return "value must be " + Text(f.Eq)
	}
	if f.Ne != nil && f.Ne != Null && Equal(v, f.Ne) {
		return "value must not be " + Text(f.Ne)
	}
	if f.OneOf != nil && !contains(f.OneOf, v) && !contains(f.AlsoOneOf, v) {
		return "expected one of: " + Text(f.OneOf)
	}
	if f.NotOneOf != nil && contains(f.NotOneOf, v) {
		return "must not be one of: " + Text(f.NotOneOf)
	}
	if f.Contains != nil {
		if l, ok := v.([]any); ok && !contains(l, f.Contains) {
			return "expected to contain: " + Text(f.Contains)
		}
	}
	return ""
}

func contains(list []any, v any) bool {
	for _, e := range list {
		if e == v {
			return true
		}
	}
	for _, e := range list {
		if Equal(e, v) {
			return true
		}
	}
	return false
}

// subsetRule: a set may take its elements from one of several lists only.
func subsetRule(f *Field, v any) string {
	l, ok := v.([]any)
	if !ok || f.MutuallyExclusiveSubsets == nil {
		return ""
	}
	var hit []string
	for _, subset := range f.MutuallyExclusiveSubsets {
		for _, e := range l {
			s, _ := e.(string)
			if containsString(subset, s) {
				hit = append(hit, "("+quoteList(subset)+")")
				break
			}
		}
	}
	if len(hit) < 2 {
		return ""
	}
	return "these sets are mutually exclusive: " + strings.Join(hit, ", ")
}

func containsString(l []string, s string) bool {
	for _, e := range l {
		if e == s {
			return true
		}
	}
	return false
}

// quoteList writes names as 'a', 'b'.
func quoteList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + n + "'"
	}
	return strings.Join(quoted, ", ")
}

func parseNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}
