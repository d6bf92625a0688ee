package lua

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// ErrNotInstalled is wrapped by Load's error when no handler of that name is
// on the Lua path.
var ErrNotInstalled = errors.New("plugin is enabled but not installed")

// Load finds kong.plugins.NAME.handler and .schema (and .daos and .api) on the
// Lua path and makes a Plugin of them. Loading a plugin a second time reads its files anew,
// as does every Load that follows it until the next such one.
// It may be called from any goroutine.
func (rt *Runtime) Load(name string) (*plugin.Plugin, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.control == nil || rt.control.loaded[name] {
		c, err := newControl(rt)
		if err != nil {
			return nil, err
		}
		rt.control = c
	}
	c := rt.control
	c.loaded[name] = true
	p, err := c.load(name)
	if err != nil {
		return nil, fmt.Errorf("on plugin '%s': %w", name, err)
	}
	p.Runtime = rt
	return p, nil
}

func (c *control) load(name string) (*plugin.Plugin, error) {
	out, err := c.do("handler", name)
	if err != nil {
		return nil, withoutTrace(err)
	}
	h, ok := first(out).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s %w (no kong.plugins.%s.handler on lua_package_path)", name, ErrNotInstalled, name)
	}
	p, err := declaration(name, h)
	if err != nil {
		return nil, err
	}
	if out, err = c.do("schema", name); err != nil {
		return nil, withoutTrace(err)
	}
	s, ok := first(out).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no configuration schema found for plugin: %s", name)
	}
	cv := converter{control: c}
	if p.Config, err = cv.schema(s); err != nil {
		return nil, fmt.Errorf("%v: schema.lua: %w", s["$file"], err)
	}
	webSocketProtocols(p)
	if p.Entities, err = c.entities(name); err != nil {
		return nil, err
	}
	c.vm.loading = append(c.vm.loading, p.Entities...)
	if p.Endpoints, err = c.endpoints(name); err != nil {
		// what the proxy does for clients does not depend on it
		c.vm.rt.o.Log.Warnf("plugin '%s': api.lua does not load, so the Admin API goes without its endpoints: %v", name, err)
	}
	return p, nil
}

// webSocketProtocols: a plugin with WebSocket phases that does not name its
// protocols runs on ws and wss, too, unless its configuration says otherwise.
func webSocketProtocols(p *plugin.Plugin) {
	const webSocket = phase.WSHandshake | phase.WSClientFrame | phase.WSUpstreamFrame | phase.WSClose
	if p.Phases&webSocket == 0 {
		return
	}
	for i := range p.Config.Fields {
		if p.Config.Fields[i].Name == "protocols" {
			return
		}
	}
	f := schema.Protocols
	f.Default = append(append([]any(nil), f.Default.([]any)...), "ws", "wss")
	p.Config.Fields = append(p.Config.Fields, f)
}

// entities reads daos.lua.
func (c *control) entities(name string) ([]*schema.Schema, error) {
	out, err := c.do("daos", name)
	if err != nil {
		return nil, withoutTrace(err)
	}
	var entities []*schema.Schema
	for _, d := range listOf(first(out)) {
		m, ok := d.(map[string]any)
		if !ok {
			continue
		}
		cv := converter{control: c}
		s, err := cv.schema(m)
		if err != nil {
			return nil, fmt.Errorf("daos.lua: entity %q: %w", m["name"], err)
		}
		entities = append(entities, s)
	}
	return entities, nil
}

// endpoints reads api.lua.
func (c *control) endpoints(name string) ([]plugin.Endpoint, error) {
	out, err := c.do("api", name)
	if err != nil {
		return nil, withoutTrace(err)
	}
	var list []plugin.Endpoint
	for _, v := range listOf(first(out)) {
		m, _ := v.(map[string]any)
		e := plugin.Endpoint{Path: text(m["path"]), Methods: texts(m["methods"]), Before: truth(m["before"]), Entity: text(m["entity"])}
		list = append(list, e)
	}
	return list, nil
}

// versionForm takes "x.y", too: the usual skeleton of plugins says "0.1".
var versionForm = regexp.MustCompile(`^\d+\.\d+(\.\d+)?([-+].*)?$`)

// declaration checks the rules for a handler.
func declaration(name string, h map[string]any) (*plugin.Plugin, error) {
	priority, ok := h["priority"].(float64)
	if !ok || priority != math.Trunc(priority) || math.Abs(priority) > 1<<53 {
		return nil, fmt.Errorf("Plugin %q cannot be loaded because its PRIORITY field is not a valid integer number, got: \"%v\"%s", name, h["priority"], where(h, "priority_line"))
	}
	version, ok := h["version"].(string)
	if !ok || !versionForm.MatchString(version) {
		got := any(version)
		if m, isTable := h["version"].(map[string]any); isTable {
			got = m["got"]
		}
		return nil, fmt.Errorf("Plugin %q cannot be loaded because its VERSION field does not follow the \"x.y.z\" format, got: \"%v\"%s", name, got, where(h, "version_line"))
	}
	p := &plugin.Plugin{Name: name, Version: version, Priority: int(priority)}
	for _, v := range listOf(h["phases"]) {
		s, _ := v.(string)
		p.Phases |= phaseNamed(s)
	}
	if p.Phases&phase.Response != 0 && p.Phases&(phase.HeaderFilter|phase.BodyFilter) != 0 {
		return nil, fmt.Errorf("Plugin %q can't be loaded because it implements both `response` and `header_filter` or `body_filter` methods%s", name, where(h, "response_line"))
	}
	p.NoRoute, _ = h["no_route"].(bool)
	p.NoService, _ = h["no_service"].(bool)
	p.NoConsumer, _ = h["no_consumer"].(bool)
	return p, nil
}

// where is a handler's file, with the line that h has under key, for an error.
func where(h map[string]any, key string) string {
	file := text(h["file"])
	if line := integer(h[key]); line != nil {
		file += ":" + strconv.Itoa(*line)
	}
	return " (" + file + ")"
}

func phaseNamed(name string) phase.Phase {
	for bit := range 32 {
		if p := phase.Phase(1) << bit; p.String() == name && name != "" {
			return p
		}
	}
	return 0
}

// withoutTrace drops the traceback of an error in loading: it shows the loader only.
func withoutTrace(err error) error {
	text, _, cut := strings.Cut(err.Error(), "\nstack traceback:")
	if !cut {
		return err
	}
	return errors.New(text)
}

func first(l []any) any {
	if len(l) == 0 {
		return nil
	}
	return l[0]
}

// listOf is v as a list; an empty Lua table arrives as an empty map.
func listOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case Array:
		return v
	}
	return nil
}
