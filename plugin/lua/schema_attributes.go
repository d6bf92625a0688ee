package lua

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// attributeTypes lists the types whose fields an attribute has a meaning for;
// attributes that are not listed fit all.
var attributeTypes = map[string][]schema.Type{
	"between": {schema.Number, schema.Integer}, "gt": {schema.Number, schema.Integer}, "timestamp": {schema.Number, schema.Integer},
	"uuid": {schema.String}, "match": {schema.String}, "not_match": {schema.String}, "match_all": {schema.String},
	"match_none": {schema.String}, "match_any": {schema.String}, "starts_with": {schema.String},
	"one_of": {schema.String, schema.Number, schema.Integer, schema.Boolean}, "not_one_of": {schema.String, schema.Number, schema.Integer, schema.Boolean},
	"len_eq":   {schema.String, schema.Array, schema.Set, schema.Map},
	"len_min":  {schema.String, schema.Array, schema.Set, schema.Map},
	"len_max":  {schema.String, schema.Array, schema.Set, schema.Map},
	"contains": {schema.Array, schema.Set}, "elements": {schema.Array, schema.Set}, "mutually_exclusive_subsets": {schema.Set},
	"keys": {schema.Map}, "values": {schema.Map}, "fields": {schema.Record}, "shorthand_fields": {schema.Record},
	"reference": {schema.Foreign}, "on_delete": {schema.Foreign}, "json_schema": {schema.JSON},
}

// neededAttributes are those without which a type means nothing.
var neededAttributes = map[schema.Type][]string{
	schema.Array: {"elements"}, schema.Set: {"elements"}, schema.Map: {"keys", "values"}, schema.Foreign: {"reference"},
}

// consistent refuses attributes that do not belong to the field's type, and
// types without what they need.
func consistent(path string, f *schema.Field, m map[string]any) error {
	if m["$typedef"] != nil || f.Abstract {
		return nil
	}
	if f.Type == "" {
		return fmt.Errorf("%s.type: required field missing", path)
	}
	var names []string
	for name := range m {
		if fits := attributeTypes[name]; fits != nil && !slices.Contains(fits, f.Type) {
			names = append(names, name)
		}
	}
	if sort.Strings(names); len(names) > 0 {
		return fmt.Errorf("%s: field of type '%s' cannot have attribute '%s'", path, f.Type, names[0])
	}
	for _, name := range neededAttributes[f.Type] {
		if m[name] == nil {
			return fmt.Errorf("%s.%s: required field missing", path, name)
		}
	}
	return nil
}

// jsonSchema makes the check of a field of type json: its attribute
// json_schema has the JSON Schema written out under inline. Schemas by
// namespace are those of proxy-wasm filters, which plugins have none of.
func jsonSchema(path string, v any) (schema.Validator, error) {
	m, _ := v.(map[string]any)
	inline, ok := m["inline"].(map[string]any)
	if !ok {
		if m["namespace"] != nil {
			return nil, fmt.Errorf("%s.namespace: only inline schemas are supported", path)
		}
		return nil, fmt.Errorf("%s.inline: required field missing", path)
	}
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(onlyInline{})
	if err := c.AddResource(url, plainJSON(inline)); err != nil {
		return nil, fmt.Errorf("%s.inline: %w", path, err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("%s.inline: %w", path, err)
	}
	return func(value any) error {
		err := compiled.Validate(plainJSON(value))
		var bad *jsonschema.ValidationError
		if errors.As(err, &bad) {
			_, text, _ := strings.Cut(strings.ReplaceAll(err.Error(), "\n", " "), url+"#'")
			return errors.New(strings.TrimSpace(text))
		}
		return err
	}, nil
}

// onlyInline keeps schemas from naming files and addresses.
type onlyInline struct{}

// Load implements jsonschema.URLLoader.
func (onlyInline) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema may only refer to itself, not to %s", url)
}

// plainJSON is a value as encoding/json would decode it.
func plainJSON(v any) any {
	switch v := v.(type) {
	case Null:
		return nil
	case Array:
		return plainJSON([]any(v))
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainJSON(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainJSON(e)
		}
		return out
	}
	if v == schema.Null {
		return nil
	}
	return v
}
