package plugintest

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// merge is the spec's setup with the case's own before it.
func merge(spec, own *Setup) *Setup {
	m := *spec
	if own.Config != nil {
		m.Config = own.Config
	}
	if own.Global != nil {
		m.Global = own.Global
	}
	if own.With != nil {
		m.With = own.With
	}
	m.Kong = map[string]any{}
	maps.Copy(m.Kong, spec.Kong)
	maps.Copy(m.Kong, own.Kong)
	return &m
}

// plugins are those to enable.
func (s *Setup) plugins(name string) []string {
	names := []string{name}
	for _, w := range s.With {
		names = append(names, w.Name)
	}
	namedPlugins(s.Kong, &names)
	slices.Sort(names)
	return slices.Compact(names)
}

// namedPlugins finds the names in every list called plugins.
func namedPlugins(v any, names *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if list, ok := e.([]any); ok && key == "plugins" {
				for _, p := range list {
					if m, ok := p.(map[string]any); ok {
						if n, ok := m["name"].(string); ok {
							*names = append(*names, n)
						}
					}
				}
			}
			namedPlugins(e, names)
		}
	case []any:
		for _, e := range v {
			namedPlugins(e, names)
		}
	}
}

// document is the declarative configuration: a service upstream.test with a
// route for everything and the plugin on it, unless Kong has services.
func (s *Setup) document(name string) (string, error) {
	doc := map[string]any{"_format_version": "3.0"}
	maps.Copy(doc, s.Kong)
	if doc["services"] == nil {
		own := map[string]any{"name": name}
		if s.Config != nil {
			own["config"] = s.Config
		}
		route := map[string]any{"name": "plugintest", "paths": []any{"/"}}
		var plugins []any
		if s.Global != nil && *s.Global {
			list, _ := doc["plugins"].([]any)
			doc["plugins"] = append(slices.Clip(list), own)
		} else {
			plugins = append(plugins, own)
		}
		for _, w := range s.With {
			p := map[string]any{"name": w.Name}
			if w.Config != nil {
				p["config"] = w.Config
			}
			plugins = append(plugins, p)
		}
		if plugins != nil {
			route["plugins"] = plugins
		}
		doc["services"] = []any{map[string]any{"name": "plugintest", "url": "http://upstream.test", "routes": []any{route}}}
	}
	b, err := yaml.Marshal(doc)
	return string(b), err
}
