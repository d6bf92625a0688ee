package schema

import (
	"fmt"
	"strings"
)

// Deprecated lists the deprecated fields that a record uses, each with what
// the schema says about it. It looks into records and at the plugin's or
// vault's own schema, but not into lists.
func (s *Schema) Deprecated(rec map[string]any) []string {
	sub := s.sub(rec, Errors{})
	if sub == nil && s.SubschemaKey != "" {
		return nil
	}
	spec := &recordSpec{fields: s.Fields, shorthands: s.ShorthandFields, sub: sub}
	return deprecatedIn(spec, rec, "", nil)
}

func deprecatedIn(spec *recordSpec, rec map[string]any, path string, out []string) []string {
	for i := range spec.shorthands {
		sh := &spec.shorthands[i]
		if v, ok := rec[sh.Name]; ok && v != Null && sh.Deprecation != nil {
			out = append(out, deprecation(path+sh.Name, sh.Deprecation, sh.ReplacedWith))
		}
	}
	for i := range spec.fields {
		f := spec.at(i)
		v, ok := rec[f.Name]
		if !ok || v == Null {
			continue
		}
		if d := f.Deprecation; d != nil && !(d.OldDefault != nil && Equal(v, d.OldDefault)) {
			out = append(out, deprecation(path+f.Name, d, nil))
		}
		if m, ok := v.(map[string]any); ok && f.Type == Record && !f.Abstract {
			out = deprecatedIn(&recordSpec{fields: f.Fields, shorthands: f.ShorthandFields}, m, path+f.Name+".", out)
		}
	}
	return out
}

func deprecation(name string, d *Deprecation, replaced [][]string) string {
	text := d.Message
	if text == "" {
		text = fmt.Sprintf("%s is deprecated", name)
		if len(replaced) > 0 {
			text += ", please use " + strings.Join(replaced[0], ".") + " instead"
		}
	}
	if d.RemovalInVersion != "" {
		text += fmt.Sprintf(" (to be removed in version %s)", d.RemovalInVersion)
	}
	return text
}
