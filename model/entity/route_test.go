package entity

import (
	"errors"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func TestRouteMatchingFields(t *testing.T) {
	values := func(v ...any) map[string]any { return map[string]any{"X-A": v} }
	for _, c := range []struct {
		flavor, want string
		in           map[string]any
	}{
		{TraditionalCompatible, "headers.X-A: no (", map[string]any{"headers": values("plain", "~*(")}},
		{Expressions, "headers.X-A: no (", map[string]any{"headers": values("~*(")}},
		{Traditional, "", map[string]any{"headers": values("~*(")}},
		{TraditionalCompatible, "", map[string]any{"headers": values("(", "~*a")}},
		{Expressions, "", map[string]any{"expression": "e", "headers": schema.Null, "hosts": []any{}}},
		{Expressions, "cannot set 'paths' together with 'expression'", map[string]any{"expression": "e", "paths": []any{"/a"}}},
		{Expressions, "cannot set 'sources' together with 'expression'", map[string]any{"expression": "e", "sources": []any{map[string]any{"port": 1.0}}}},
	} {
		s := schemaOf(t, "routes", Options{RouterFlavor: c.flavor, CheckHeaderRegex: func(re string) error {
			if re == "(" {
				return errors.New("no (")
			}
			return nil
		}})
		_, err := s.Process(c.in, schema.Insert)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %v: %v, want %q", c.flavor, c.in, err, c.want)
		}
	}
}
