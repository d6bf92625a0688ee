package responsetransformer

import (
	"strconv"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// member is a name with its new value.
type member struct {
	name  string
	value any
}

// bodyChanges are the changes of a JSON object's members.
type bodyChanges struct {
	remove               []string
	rename               []change
	replace, add, append []member
}

// newBodyChanges gives nil where a configuration changes no body.
func newBodyChanges(c *Config) *bodyChanges {
	b := &bodyChanges{
		remove:  c.Remove.JSON,
		rename:  pairs(c.Rename.JSON),
		replace: members(c.Replace.JSON, c.Replace.JSONTypes),
		add:     members(c.Add.JSON, c.Add.JSONTypes),
		append:  members(c.Append.JSON, c.Append.JSONTypes),
	}
	if len(b.remove)+len(b.rename)+len(b.replace)+len(b.add)+len(b.append) == 0 {
		return nil
	}
	return b
}

// members gives values their types; a value is a string where none is said, or
// where it is none of its type.
func members(entries, types []string) []member {
	out := make([]member, len(entries))
	for i, c := range pairs(entries) {
		out[i] = member{c.name, c.value}
		if i >= len(types) {
			continue
		}
		switch types[i] {
		case "boolean":
			out[i].value = c.value == "true"
		case "number":
			if n, err := strconv.ParseFloat(c.value, 64); err == nil {
				out[i].value = n
			}
		}
	}
	return out
}

// apply gives the changed body, or body itself if it is no JSON object.
func (b *bodyChanges) apply(body []byte) []byte {
	parsed, err := pdk.ParseJSON(body)
	object, ok := parsed.(map[string]any)
	if err != nil || !ok {
		return body
	}
	for _, name := range b.remove {
		delete(object, name)
	}
	for _, c := range b.rename {
		if v, ok := object[c.name]; ok {
			delete(object, c.name)
			object[c.value] = v
		}
	}
	for _, m := range b.replace {
		if _, ok := object[m.name]; ok {
			object[m.name] = m.value
		}
	}
	for _, m := range b.add {
		if _, ok := object[m.name]; !ok {
			object[m.name] = m.value
		}
	}
	for _, m := range b.append {
		switch old := object[m.name].(type) {
		case nil:
			object[m.name] = []any{m.value}
		case []any:
			object[m.name] = append(old, m.value)
		default:
			object[m.name] = []any{old, m.value}
		}
	}
	out, err := pdk.AppendJSON(make([]byte, 0, len(body)+64), object)
	if err != nil {
		return body
	}
	return out
}
