package entity

import "github.com/gibbon-gateway/gibbon/model/schema"

// Entities that the gateway keeps for itself or seldom uses.

func workspaceSchema() *schema.Schema {
	return &schema.Schema{
		Name: "workspaces", EndpointKey: "name", CacheKey: []string{"name"}, NoAdminAPI: true,
		Fields: []schema.Field{
			schema.ID,
			schema.UTF8Name.Named("name", required, func(f *schema.Field) {
				f.LenMin = schema.Int(1)
				f.NotOneOf = list("workspaces", "consumers", "certificates", "services", "routes", "snis", "upstreams",
					"targets", "plugins", "tags", "ca_certificates", "clustering_data_planes", "parameters", "vaults",
					"key_sets", "keys", "filter_chains")
			}),
			{Name: "comment", Type: schema.String},
			schema.CreatedAt, schema.UpdatedAt,
			{Name: "meta", Type: schema.Record, Fields: []schema.Field{}},
			{Name: "config", Type: schema.Record, Fields: []schema.Field{}},
		},
	}
}

func tagSchema() *schema.Schema {
	return &schema.Schema{
		Name: "tags", PrimaryKey: []string{"tag"}, EndpointKey: "tag", NoExport: true,
		Fields: []schema.Field{
			schema.Tag.Named("tag"),
			{Name: "entity_name", Type: schema.String, Required: true},
			{Name: "entity_id", Type: schema.String, Required: true, UUID: true, Auto: true},
		},
	}
}

func dataPlaneSchema() *schema.Schema {
	return &schema.Schema{
		Name: "clustering_data_planes", TTL: true, NoAdminAPI: true, NoExport: true, AdminAPIName: "clustering/data-planes",
		Fields: []schema.Field{
			schema.ID.Named("id", required),
			{Name: "last_seen", Type: schema.Integer, Timestamp: true, Auto: true},
			schema.UpdatedAt,
			schema.IP.Named("ip", required),
			{Name: "config_hash", Type: schema.String, LenEq: schema.Int(32)},
			schema.Host.Named("hostname", required),
			schema.SemVer.Named("version"),
			{Name: "sync_status", Type: schema.String, Required: true, Default: "unknown",
				OneOf: list("unknown", "normal", "kong_version_incompatible", "plugin_set_incompatible",
					"plugin_version_incompatible", "filter_set_incompatible")},
			{Name: "labels", Type: schema.Map, Keys: &schema.Field{Type: schema.String}, Values: &schema.Field{Type: schema.String}},
			{Name: "cert_details", Type: schema.Record, Fields: []schema.Field{
				{Name: "expiry_timestamp", Type: schema.Number, Optional: true, Timestamp: true}}},
			{Name: "rpc_capabilities", Type: schema.Set, Elements: &schema.Field{Type: schema.String}},
		},
	}
}

func parameterSchema() *schema.Schema {
	return &schema.Schema{
		Name: "parameters", PrimaryKey: []string{"key"}, CacheKey: []string{"key"}, NoAdminAPI: true,
		Fields: []schema.Field{
			schema.CreatedAt,
			{Name: "key", Type: schema.String, Required: true, Unique: true},
			{Name: "value", Type: schema.String, Required: true},
		},
	}
}

func filterChainSchema(o Options) *schema.Schema {
	scope := func(name, reference string) schema.Field {
		return schema.Field{Name: name, Type: schema.Foreign, Reference: reference, OnDelete: "cascade", Default: schema.Null, Unique: true}
	}
	return &schema.Schema{
		Name: "filter_chains", EndpointKey: "name", Workspaceable: true, AdminAPIName: "filter-chains",
		CacheKey: []string{"route", "service"},
		Fields: []schema.Field{
			schema.ID, schema.UTF8Name,
			{Name: "enabled", Type: schema.Boolean, Required: true, Default: true},
			scope("route", "routes"), scope("service", "services"),
			{Name: "filters", Type: schema.Array, Required: true, LenMin: schema.Int(1),
				Elements: &schema.Field{Type: schema.Record, Fields: []schema.Field{
					{Name: "name", Type: schema.String, Required: true, OneOf: schema.List(o.Filters...)},
					{Name: "enabled", Type: schema.Boolean, Required: true, Default: true},
					{Name: "config", Type: schema.JSON, Optional: true},
				}}},
			schema.CreatedAt, schema.UpdatedAt, schema.Tags,
		},
		EntityChecks: []schema.EntityCheck{
			{MutuallyExclusive: []string{"service", "route"}},
			{AtLeastOneOf: []string{"service", "route"}},
		},
	}
}
