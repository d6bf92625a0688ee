package lua

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// confTable encodes the config table that a handler gets: the stored values
// without nulls, shorthands that show another field's value, and the
// reference's extra keys.
func confTable(b *plugin.Bound) []byte {
	e := b.Entity
	conf := map[string]any{}
	for k, v := range shown(b.Plugin, e.Config) {
		if v != nil && v != schema.Null {
			conf[k] = v
		}
	}
	put := func(key, value string) {
		if value != "" {
			conf[key] = value
		}
	}
	put("__plugin_id", e.ID)
	put("__ws_id", e.Workspace)
	put("__key__", cacheKey(e))
	put("route_id", e.Route.ID)
	put("service_id", e.Service.ID)
	put("consumer_id", e.Consumer.ID)
	put("consumer_group_id", e.ConsumerGroup.ID)
	put("plugin_instance_name", e.InstanceName)
	conf["__seq__"] = float64(b.Serial)
	return luajit.AppendValue(nil, withoutNulls(conf))
}

// cacheKey is the key under which the reference keeps the configuration.
func cacheKey(e *entity.Plugin) string {
	return strings.Join([]string{"plugins", e.Name, e.Route.ID, e.Service.ID, e.Consumer.ID, e.ConsumerGroup.ID, e.Workspace}, ":")
}

// shown is config with the shorthands that translate backwards.
func shown(p *plugin.Plugin, config map[string]any) map[string]any {
	if p.Config == nil || config == nil {
		return config
	}
	if _, ok := p.Config.Config(); !ok {
		return config
	}
	rec, err := p.Config.Read(map[string]any{"config": config})
	if err != nil {
		if rt, ok := p.Runtime.(*Runtime); ok {
			rt.o.Log.Errorf("plugin '%s': a transformation on_read failed, its handler gets what is stored: %v", p.Name, err)
		}
		rec = map[string]any{"config": config}
	}
	out, ok := p.Config.WithNulls(rec)["config"].(map[string]any)
	if !ok {
		return config
	}
	return out
}

// withoutNulls copies v without nil and Null members of records, which handlers see as absent.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if e != nil && e != schema.Null {
				out[k] = withoutNulls(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutNulls(e)
		}
		return out
	}
	return v
}
