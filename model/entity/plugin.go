package entity

import "github.com/gibbon-gateway/gibbon/model/schema"

// Plugin is a decoded plugin entity: one configuration of a plugin and where
// it applies. Config stays a schema-checked record; the plugin's declaration
// decodes it.
type Plugin struct {
	ID            string
	Workspace     string `kong:"ws_id"`
	Name          string
	InstanceName  string
	CreatedAt     int64
	UpdatedAt     int64
	Route         Ref
	Service       Ref
	Consumer      Ref
	ConsumerGroup Ref
	Config        map[string]any
	Protocols     []string
	Enabled       bool
	Tags          []string
}

func pluginSchema(o Options) *schema.Schema {
	scope := func(name, reference string) schema.Field {
		return schema.Field{Name: name, Type: schema.Foreign, Reference: reference, OnDelete: "cascade", Default: schema.Null}
	}
	fields := []schema.Field{
		schema.ID,
		{Name: "name", Type: schema.String, Required: true},
		schema.UTF8Name.Named("instance_name"),
		schema.CreatedAt, schema.UpdatedAt,
		scope("route", "routes"), scope("service", "services"), scope("consumer", "consumers"),
	}
	key := []string{"name", "route", "service", "consumer"}
	if o.ConsumerGroups {
		f := scope("consumer_group", "consumer_groups")
		f.Default, f.Nilable = nil, true // shown where it is set only: the open-source reference has no such field
		fields = append(fields, f)
		key = append(key, "consumer_group")
	}
	find := o.Plugin
	if find == nil {
		find = func(string) (*schema.Schema, bool) { return nil, false }
	}
	return &schema.Schema{
		Name: "plugins", EndpointKey: "instance_name", Workspaceable: true, CacheKey: key,
		SubschemaKey: "name", Subschema: find,
		SubschemaError: "plugin '%s' not enabled; add it to the 'plugins' configuration property",
		Fields: append(fields,
			schema.Field{Name: "config", Type: schema.Record, Abstract: true},
			schema.Protocols,
			schema.Field{Name: "enabled", Type: schema.Boolean, Required: true, Default: true},
			schema.Tags,
		),
	}
}
