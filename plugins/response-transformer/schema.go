package responsetransformer

import (
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "response-transformer", Version: "3.9.3", Priority: 800,
		Config: config,
		Phases: phase.HeaderFilter | phase.BodyFilter,
		Inline: phase.HeaderFilter | phase.BodyFilter,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration. Except for Remove, entries are "name:value".
type Config struct {
	Remove struct{ JSON, Headers []string }
	Rename struct{ JSON, Headers []string }
	// JSONTypes are the types of the JSON values at the same places.
	Replace, Add, Append struct{ JSON, JSONTypes, Headers []string }
}

// list is a list of strings, empty by default.
func list(name string, element schema.Field, description string) schema.Field {
	return schema.Field{Name: name, Type: schema.Array, Required: true, Default: []any{}, Elements: &element, Description: description}
}

var (
	anyText = schema.Field{Type: schema.String}
	pair    = schema.Field{Type: schema.String, Match: "^[^:]+:.*$"}
	kind    = schema.Field{Type: schema.String, OneOf: schema.List("boolean", "number", "string")}
	headers = pair.Named("", func(f *schema.Field) { f.Custom = checkRename })
)

func valued(name, verb string) schema.Field {
	return schema.Field{Name: name, Type: schema.Record, Fields: []schema.Field{
		list("json", pair, "Members of a JSON body to "+verb+", `name:value`."),
		list("json_types", kind, "Types of these values, at the same places: boolean, number or string."),
		list("headers", pair, "Headers to "+verb+", `name:value`."),
	}}
}

var config = &schema.Schema{
	Name: "response-transformer",
	Fields: []schema.Field{
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "remove", Type: schema.Record, Fields: []schema.Field{
				list("json", anyText, "Members of a JSON body to remove."),
				list("headers", anyText, "Headers to remove."),
			}},
			{Name: "rename", Type: schema.Record, Fields: []schema.Field{
				list("json", pair, "Members of a JSON body to rename, `old:new`."),
				list("headers", headers, "Headers to rename, `old:new`."),
			}},
			valued("replace", "replace where they are"),
			valued("add", "add where they are not"),
			valued("append", "append to"),
		}},
	},
}

// checkRename takes "old:new" of two header names.
func checkRename(v any) error {
	s, _ := v.(string)
	from, to, _ := strings.Cut(s, ":")
	for _, name := range [...]string{from, to} {
		if schema.CheckHeaderName(name) != nil {
			return fmt.Errorf("'%s' is not a valid header", name)
		}
	}
	return nil
}
