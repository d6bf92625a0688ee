package lua

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxSchemas bounds the compiled schemas that are kept.
const maxSchemas = 256

// schemas are compiled JSON Schemas by their text, of all workers.
var schemas struct {
	sync.Mutex
	of map[string]*jsonschema.Schema
}

// The operations behind resty.ljsonschema.
func init() {
	RegisterOp("jsonschema.compile", func(c *Call) { // nil, or what is wrong with the schema
		if _, err := compiledSchema(c.String(0)); err != nil {
			c.Return(err.Error())
			return
		}
		c.Return(nil)
	})
	RegisterOp("jsonschema.validate", func(c *Call) { // nil, or what is wrong with the value
		s, err := compiledSchema(c.String(0))
		if err == nil {
			var v any
			if v, err = jsonschema.UnmarshalJSON(strings.NewReader(c.String(1))); err == nil {
				err = s.Validate(v)
			}
		}
		if err != nil {
			c.Return(violation(err))
			return
		}
		c.Return(nil)
	})
}

// compiledSchema compiles a schema, of draft 4 unless $schema says otherwise. References go nowhere but into the schema itself.
func compiledSchema(text string) (*jsonschema.Schema, error) {
	schemas.Lock()
	defer schemas.Unlock()
	if s := schemas.of[text]; s != nil {
		return s, nil
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	compiler.UseLoader(onlyInline{})
	if err = compiler.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	s, err := compiler.Compile("schema.json")
	if err != nil {
		return nil, err
	}
	if schemas.of == nil || len(schemas.of) >= maxSchemas {
		schemas.of = map[string]*jsonschema.Schema{}
	}
	schemas.of[text] = s
	return s, nil
}

// violation is the first leaf of a validation error, with where it is.
func violation(err error) string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err.Error()
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	_, text, found := strings.Cut(v.Error(), "': ")
	if !found {
		text = v.Error()
	}
	if len(v.InstanceLocation) == 0 {
		return text
	}
	return fmt.Sprintf("property %s validation failed: %s", strings.Join(v.InstanceLocation, "."), text)
}
