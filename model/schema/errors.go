package schema

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// EntityKey is the key of errors that concern no single field.
const EntityKey = "@entity"

// Errors is a tree of violations: a field's name maps to a text, to a list
// (one per element, nil where the element is fine) or to another Errors; the
// key "@entity" holds a list of texts.
type Errors map[string]any

// Error is the reference's one-line message: "schema violation (…)", or
// "N schema violations (…; …)" with the fields in order.
func (e Errors) Error() string {
	parts := e.Flat()
	if len(parts) == 1 {
		return "schema violation (" + parts[0] + ")"
	}
	return fmt.Sprintf("%d schema violations (%s)", len(parts), strings.Join(parts, "; "))
}

// Flat lists the violations, "field: text" each; what lies deeper than two
// levels is written as a Lua table.
func (e Errors) Flat() []string {
	var out []string
	for _, k := range sortedKeys(e) {
		switch v := e[k].(type) {
		case string:
			out = append(out, k+": "+v)
		case []any:
			for i, x := range v {
				switch {
				case x == nil:
				case k == EntityKey:
					out = append(out, textOf(x))
				default:
					out = append(out, k+"."+strconv.Itoa(i+1)+": "+pretty(x, 0))
				}
			}
		case Errors:
			for _, k2 := range sortedKeys(v) {
				out = append(out, k+"."+k2+": "+pretty(v[k2], 0))
			}
		}
	}
	return out
}

func textOf(x any) string {
	if s, ok := x.(string); ok {
		return s
	}
	return pretty(x, 0)
}

// Compact writes the tree as one line, {a="x",b={[2]="y"}}.
func (e Errors) Compact() string { return compact(e) }

// Indented writes the tree as the loader of declarative files does:
//
//	in 'services':
//	  - in entry 1 of 'services':
//	    in 'host': required field missing
func (e Errors) Indented() string {
	var b strings.Builder
	indent(&b, e, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func indent(b *strings.Builder, e Errors, pad string) {
	for _, k := range sortedKeys(e) {
		b.WriteString(pad + "in '" + k + "':")
		switch v := e[k].(type) {
		case Errors:
			b.WriteByte('\n')
			indent(b, v, pad+"  ")
		case []any:
			b.WriteByte('\n')
			for i, x := range v {
				if x == nil {
					continue
				}
				b.WriteString(pad + "  - in entry " + strconv.Itoa(i+1) + " of '" + k + "':")
				indentEntry(b, x, k, pad+"    ")
			}
		default:
			b.WriteString(" " + textOf(v) + "\n")
		}
	}
}

func indentEntry(b *strings.Builder, x any, name, pad string) {
	switch v := x.(type) {
	case Errors:
		b.WriteByte('\n')
		indent(b, v, pad)
	case []any:
		b.WriteByte('\n')
		for i, y := range v {
			if y == nil {
				continue
			}
			b.WriteString(pad + "- in entry " + strconv.Itoa(i+1) + " of '" + name + "':")
			indentEntry(b, y, name, pad+"  ")
		}
	default:
		b.WriteString(" " + textOf(x) + "\n")
	}
}

// addEntity appends a text to the list under "@entity".
func (e Errors) addEntity(text any) {
	list, _ := e[EntityKey].([]any)
	e[EntityKey] = append(list, text)
}

// Merge adds the violations of other; texts already there stay.
func (e Errors) Merge(other Errors) {
	for k, v := range other {
		if k == EntityKey {
			if l, ok := v.([]any); ok {
				for _, x := range l {
					e.addEntity(x)
				}
				continue
			}
		}
		old, ok := e[k]
		if !ok {
			e[k] = v
			continue
		}
		a, okA := old.(Errors)
		b, okB := v.(Errors)
		if okA && okB {
			a.Merge(b)
		}
	}
}

// setPath puts text at a dotted path.
func (e Errors) setPath(path string, text any) {
	head, rest, dotted := strings.Cut(path, ".")
	if !dotted {
		e[head] = text
		return
	}
	sub, ok := e[head].(Errors)
	if !ok {
		if e[head] != nil {
			return // the record itself is no record
		}
		sub = Errors{}
		e[head] = sub
	}
	sub.setPath(rest, text)
}

// hasPath tells if something failed at a dotted path or above it.
func (e Errors) hasPath(path string) bool {
	head, rest, dotted := strings.Cut(path, ".")
	v, ok := e[head]
	if !ok {
		return false
	}
	if sub, isTree := v.(Errors); isTree && dotted {
		return sub.hasPath(rest)
	}
	return true
}

// treeOf turns an error into what stands in a tree: a subtree or a text.
func treeOf(err error) any {
	var e Errors
	if errors.As(err, &e) {
		return e
	}
	return err.Error()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
