package acl

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "acl", Version: "3.9.3", Priority: 950,
		Config:           config,
		Entities:         []*schema.Schema{groups},
		Phases:           phase.Access | phase.WSHandshake,
		Inline:           phase.Access | phase.WSHandshake,
		GuardsWebSockets: true,
		New:              plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// Allow and Deny are names of groups; one of the two is set.
	Allow, Deny []string
	// HideGroupsHeader keeps the groups from the service.
	HideGroupsHeader bool
	// AlwaysUseAuthenticatedGroups prefers the groups that an authentication
	// plugin found (of a token, of LDAP) to the consumer's.
	AlwaysUseAuthenticatedGroups bool
}

var names = &schema.Field{Type: schema.String}

var config = &schema.Schema{
	Name: "acl",
	Fields: []schema.Field{
		schema.NoConsumer,
		schema.ProtocolsGuard,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "allow", Type: schema.Array, Elements: names,
				Description: "Groups that are let in; all others are not."},
			{Name: "deny", Type: schema.Array, Elements: names,
				Description: "Groups that are kept out."},
			{Name: "hide_groups_header", Type: schema.Boolean, Required: true, Default: false,
				Description: "Keep the groups from the service."},
			{Name: "always_use_authenticated_groups", Type: schema.Boolean, Required: true, Default: false,
				Description: "Prefer the groups that an authentication plugin found to the consumer's own."},
		}},
	},
	EntityChecks: []schema.EntityCheck{
		{OnlyOneOf: []string{"config.allow", "config.deny"}},
		{AtLeastOneOf: []string{"config.allow", "config.deny"}},
	},
}

// groups are the groups of consumers, one record for each.
var groups = &schema.Schema{
	Name:          "acls",
	CacheKey:      []string{"consumer", "group"},
	Workspaceable: true,
	Fields: []schema.Field{
		schema.ID,
		schema.CreatedAt,
		{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
		{Name: "group", Type: schema.String, Required: true},
		schema.Tags,
	},
}
