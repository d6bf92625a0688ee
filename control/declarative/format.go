package declarative

import (
	"fmt"
	"strings"
)

// convert brings a document of an older format up to 3.0. Before 3.0 a path
// was a regex if it had characters that plain paths do not have; since then a
// regex is marked by "~".
func (l *loader) convert(doc map[string]any) {
	if l.version == "3.0" {
		return
	}
	for name, v := range doc {
		l.convertLists(name, v)
	}
}

// convertLists looks for routes, which may be nested in services.
func (l *loader) convertLists(name string, v any) {
	list, ok := v.([]any)
	if !ok {
		return
	}
	for i, e := range list {
		rec, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if name == "routes" {
			l.convertPaths(i, rec)
		}
		if routes, ok := rec["routes"]; ok && name != "routes" {
			l.convertLists("routes", routes)
		}
	}
}

func (l *loader) convertPaths(entry int, route map[string]any) {
	paths, ok := route["paths"].([]any)
	if !ok {
		return
	}
	label, _ := route["name"].(string)
	if label == "" {
		label = fmt.Sprint(entry + 1)
	}
	out := make([]any, len(paths))
	for i, p := range paths {
		out[i] = p
		s, ok := p.(string)
		if !ok || strings.HasPrefix(s, "~") || plainPath(s) {
			continue
		}
		out[i] = "~" + s
		l.warnings = append(l.warnings, fmt.Sprintf(
			"routes %s: path '%s' is taken as a regex and became '~%s'; write it so and set _format_version to '3.0'", label, s, s))
	}
	route["paths"] = out
}

func plainPath(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(".-_~/%", c) < 0 {
			return false
		}
	}
	return true
}
