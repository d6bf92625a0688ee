package entity

import "github.com/gibbon-gateway/gibbon/model/schema"

// Options are what the schemas of the core entities depend on. Hooks stand
// for rules that live on higher floors (the router, the plugin registry).
type Options struct {
	// RouterFlavor is traditional_compatible (""), traditional or expressions.
	RouterFlavor string
	// CheckExpression compiles a route's expression for its protocols; nil
	// accepts all. The error's text follows "Router Expression failed
	// validation: ".
	CheckExpression func(expr string, protocols []string) error
	// CheckRegexPath compiles a route's regex path, without its "~"; nil
	// accepts all.
	CheckRegexPath func(regex string) error
	// CheckHeaderRegex compiles a regex of a route's headers, without its "~*";
	// nil accepts all. The traditional flavor does not ask.
	CheckHeaderRegex func(regex string) error
	// Plugin finds the schema of an enabled plugin; nil knows none.
	Plugin func(name string) (*schema.Schema, bool)
	// Vault finds the schema of a vault; nil knows "env" only.
	Vault func(name string) (*schema.Schema, bool)
	// ConsumerGroups adds consumer_groups and the plugins' consumer_group
	// field, which the open-source reference does not have, and its database
	// neither.
	ConsumerGroups bool
	// Filters are the names of the wasm filters that filter chains may use.
	Filters []string
}

// Flavors of the router.
const (
	Traditional           = "traditional"
	TraditionalCompatible = "traditional_compatible"
	Expressions           = "expressions"
)

// Schemas returns the schemas of the core entities, each after those that it
// refers to.
func Schemas(o Options) []*schema.Schema {
	list := []*schema.Schema{
		workspaceSchema(),
		consumerSchema(),
		certificateSchema(),
		caCertificateSchema(),
		serviceSchema(),
		routeSchema(o),
		sniSchema(),
		upstreamSchema(),
		targetSchema(),
	}
	if o.ConsumerGroups {
		list = append(list, consumerGroupSchema(), consumerGroupConsumerSchema())
	}
	return append(list,
		pluginSchema(o),
		tagSchema(),
		dataPlaneSchema(),
		parameterSchema(),
		vaultSchema(o),
		keySetSchema(),
		keySchema(),
		filterChainSchema(o),
	)
}

// Short forms for the literals below.
var (
	list     = schema.List[string]
	required = schema.Require
)

func conditional(ifField string, ifMatch schema.Field, thenField string, thenMatch schema.Field) schema.EntityCheck {
	return schema.EntityCheck{Conditional: &schema.Conditional{
		IfField: ifField, IfMatch: ifMatch, ThenField: thenField, ThenMatch: thenMatch}}
}
