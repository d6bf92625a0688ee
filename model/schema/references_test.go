package schema

import (
	"errors"
	"reflect"
	"testing"
)

func TestResolveReferences(t *testing.T) {
	secret := Field{Type: String, Referenceable: true}
	inner := []Field{secret.Named("inner"), {Name: "other", Type: String}}
	s := &Schema{Fields: []Field{{Name: "config", Type: Record, Fields: []Field{
		secret.Named("secret"), {Name: "plain", Type: String},
		{Name: "list", Type: Array, Elements: &secret}, {Name: "map", Type: Map, Keys: &Field{Type: String}, Values: &secret},
		{Name: "rec", Type: Record, Fields: inner}, {Name: "recs", Type: Array, Elements: &Field{Type: Record, Fields: inner}},
	}}}}
	ref := func(name string) string { return "{vault://env/" + name + "}" }
	resolve := func(r string) (string, error) {
		if r == ref("broken") {
			return "", errors.New("no such secret")
		}
		return "<" + r[len("{vault://env/"):len(r)-1] + ">", nil
	}
	type m = map[string]any
	for _, c := range []struct {
		name, err string
		in, want  m
	}{
		{"none", "", m{"secret": "x", "plain": ref("a")}, m{"secret": "x", "plain": ref("a")}},
		{"field", "", m{"secret": ref("a"), "plain": "p"}, m{"secret": "<a>", "plain": "p", "$refs": m{"secret": ref("a")}}},
		{"list", "", m{"list": []any{"x", ref("b")}}, m{"list": []any{"x", "<b>"}, "$refs": m{"list": []any{nil, ref("b")}}}},
		{"map", "", m{"map": m{"k": ref("c"), "l": "x"}}, m{"map": m{"k": "<c>", "l": "x"}, "$refs": m{"map": m{"k": ref("c")}}}},
		{"record", "", m{"rec": m{"inner": ref("d"), "other": ref("e")}}, m{"rec": m{"inner": "<d>", "other": ref("e"), "$refs": m{"inner": ref("d")}}}},
		{"records", "", m{"recs": []any{m{"other": "x"}, m{"inner": ref("f")}}}, m{"recs": []any{m{"other": "x"}, m{"inner": "<f>", "$refs": m{"inner": ref("f")}}}}},
		{"error", "no such secret", m{"rec": m{"inner": ref("broken")}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := Copy(any(c.in))
			got, err := s.ResolveReferences(c.in, resolve)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v (%v), want %v", got, err, c.want)
			}
			if !reflect.DeepEqual(any(c.in), before) {
				t.Errorf("the stored configuration changed: %v", c.in)
			}
		})
	}
}
