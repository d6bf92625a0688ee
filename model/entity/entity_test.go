package entity

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func schemaOf(t *testing.T, kind string, o Options) *schema.Schema {
	t.Helper()
	for _, s := range Schemas(o) {
		if s.Name == kind {
			return s
		}
	}
	t.Fatalf("no kind %s", kind)
	return nil
}

// TestRecorded plays the bodies that the reference's Admin API was sent
// (testdata/admin.json is cut from testdata/golden) and compares records,
// error trees and messages.
func TestRecorded(t *testing.T) {
	raw, err := os.ReadFile("testdata/admin.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Kind, Flavor, Message, From string
		In, Out, Fields             map[string]any
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		o := Options{RouterFlavor: c.Flavor,
			CheckExpression: func(expr string, p []string) error {
				switch {
				case strings.HasSuffix(expr, "= "):
					return errors.New(" --> 1:14\n  |\n1 | http.path ^= \n  |              ^---\n  |\n  = expected rhs")
				case strings.Contains(expr, "nope") || strings.HasPrefix(expr, "http.") && p[0] == "tcp":
					return errors.New("Unknown LHS field")
				}
				return nil
			},
			CheckRegexPath: func(r string) error {
				if r == "/(" {
					return errors.New("pcre2_compile() failed: missing closing parenthesis in \"/(\"")
				}
				return nil
			}}
		s := schemaOf(t, c.Kind, o)
		in, _ := json.Marshal(c.In)
		rec, err := s.Process(nulls(c.In).(map[string]any), schema.Insert)
		if c.Message != "" {
			if err == nil {
				t.Errorf("%s %s: accepted, want %s", c.From, in, c.Message)
				continue
			}
			var tree schema.Errors
			errors.As(err, &tree)
			got, _ := json.Marshal(tree)
			want, _ := json.Marshal(c.Fields)
			if err.Error() != c.Message || string(got) != string(want) {
				t.Errorf("%s %s:\n got %s %s\nwant %s %s", c.From, in, err, got, c.Message, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.From, in, err)
			continue
		}
		shown := s.WithNulls(rec)
		if c.Kind == "certificates" {
			delete(shown, "snis") // names live in their own entities
		}
		for _, k := range []string{"id", "created_at", "updated_at"} {
			delete(shown, k)
		}
		var got any
		b, _ := json.Marshal(shown)
		json.Unmarshal(b, &got)
		want := any(c.Out)
		if refs := c.Out; refs != nil {
			scrub(got)
			scrub(want)
		}
		if !reflect.DeepEqual(got, want) {
			w, _ := json.Marshal(want)
			g, _ := json.Marshal(got)
			t.Errorf("%s %s:\n got %s\nwant %s", c.From, in, g, w)
		}
	}
}

// scrub replaces ids, which the records hide.
func scrub(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for k, e := range m {
		if r, ok := e.(map[string]any); ok && len(r) == 1 && r["id"] != nil {
			m[k] = "ref"
		}
		if l, ok := e.([]any); ok && len(l) > 0 {
			if s, _ := l[0].(string); s == "<uuid>" || schema.IsUUID(s) {
				m[k] = "refs"
			}
		}
	}
}

// nulls turns JSON nulls into schema.Null.
func nulls(v any) any {
	switch x := v.(type) {
	case nil:
		return schema.Null
	case map[string]any:
		for k := range x {
			x[k] = nulls(x[k])
		}
	case []any:
		for i := range x {
			x[i] = nulls(x[i])
		}
	}
	return v
}
