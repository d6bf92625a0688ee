package entity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func routeSchema(o Options) *schema.Schema {
	snis := schema.WildcardHost
	if o.RouterFlavor == Traditional {
		snis = schema.SNI
	}
	s := &schema.Schema{
		Name: "routes", EndpointKey: "name", Workspaceable: true,
		SubschemaKey: "protocols", Subschema: routeRules(o),
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt, schema.UTF8Name,
			{Name: "protocols", Type: schema.Set, Required: true, LenMin: schema.Int(1), Default: list("http", "https"),
				Elements: &schema.Protocol,
				MutuallyExclusiveSubsets: [][]string{
					{"http", "https"}, {"tcp", "tls", "udp"}, {"tls_passthrough"}, {"grpc", "grpcs"}, {"ws", "wss"}}},
			{Name: "https_redirect_status_code", Type: schema.Integer, Required: true, Default: 426,
				OneOf: schema.List(426, 301, 302, 307, 308)},
			{Name: "strip_path", Type: schema.Boolean, Required: true, Default: true},
			{Name: "preserve_host", Type: schema.Boolean, Required: true, Default: false},
			{Name: "request_buffering", Type: schema.Boolean, Required: true, Default: true},
			{Name: "response_buffering", Type: schema.Boolean, Required: true, Default: true},
			schema.Tags,
			{Name: "service", Type: schema.Foreign, Reference: "services"},
			{Name: "snis", Type: schema.Set, Elements: &snis},
			peers("sources"), peers("destinations"),
			schema.Methods.Named("methods"),
			{Name: "hosts", Type: schema.Array, Elements: &schema.RouteHost},
			{Name: "paths", Type: schema.Array, Elements: routerPath(o)},
			schema.Headers.Named("headers"),
			{Name: "regex_priority", Type: schema.Integer, Default: 0},
			{Name: "path_handling", Type: schema.String, Default: "v0", OneOf: list("v0", "v1")},
		},
		EntityChecks: []schema.EntityCheck{{Conditional: &schema.Conditional{
			IfField:   "protocols",
			IfMatch:   schema.Field{Elements: &schema.Field{Type: schema.String, NotOneOf: list("grpcs", "https", "tls", "tls_passthrough", "wss")}},
			ThenField: "snis",
			ThenMatch: schema.Field{LenEq: schema.Int(0)},
			ThenErr:   "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'",
		}}},
	}
	if o.RouterFlavor != Traditional {
		s.EntityChecks = append(s.EntityChecks, headersCheck(o))
	}
	if o.RouterFlavor == Expressions {
		s.Fields = append(s.Fields,
			schema.Field{Name: "expression", Type: schema.String},
			schema.Field{Name: "priority", Type: schema.Integer, Required: true, Default: 0, Between: []float64{0, 1<<46 - 1}})
		s.EntityChecks = append(s.EntityChecks, expressionCheck(o))
	}
	return s
}

// peers is sources or destinations: addresses, ports or both.
func peers(name string) schema.Field {
	return schema.Field{Name: name, Type: schema.Set, Elements: &schema.Field{Type: schema.Record,
		Fields:       []schema.Field{schema.IPOrCIDR.Named("ip"), schema.Port.Named("port")},
		EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"ip", "port"}}}}}
}

func routerPath(o Options) *schema.Field {
	f := schema.RouterPath
	if o.CheckRegexPath == nil {
		return &f
	}
	prefix := f.Custom
	f.Custom = func(v any) error {
		s, _ := v.(string)
		regex, is := strings.CutPrefix(s, "~")
		if !is {
			return prefix(v)
		}
		if err := o.CheckRegexPath(regex); err != nil {
			return fmt.Errorf("invalid regex: '%s' (PCRE returned: %s)", regex, err)
		}
		return nil
	}
	return &f
}

// classic are the fields that match requests without an expression.
var classic = []string{"methods", "hosts", "headers", "paths", "snis", "sources", "destinations"}

// isSet: neither absent nor null nor an empty list or map.
func isSet(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return v != nil && v != schema.Null
}

// headersCheck: regexes in headers must compile, since they become part of an
// expression.
func headersCheck(o Options) schema.EntityCheck {
	return schema.EntityCheck{CustomEntityCheck: &schema.CustomEntityCheck{
		FieldSources: []string{"headers"},
		Fn: func(rec map[string]any) error {
			headers, _ := rec["headers"].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(headers)) {
				for _, v := range stringsOf(headers[name]) {
					regex, is := strings.CutPrefix(v, "~*")
					if !is || o.CheckHeaderRegex == nil {
						continue
					}
					if err := o.CheckHeaderRegex(regex); err != nil {
						return fmt.Errorf("Router Expression failed validation: headers.%s: %s", name, err)
					}
				}
			}
			return nil
		},
	}}
}

func expressionCheck(o Options) schema.EntityCheck {
	return schema.EntityCheck{CustomEntityCheck: &schema.CustomEntityCheck{
		FieldSources: append([]string{"expression", "protocols"}, classic...),
		Fn: func(rec map[string]any) error {
			expr, _ := rec["expression"].(string)
			if expr == "" {
				return nil
			}
			for _, name := range classic {
				if isSet(rec[name]) {
					return fmt.Errorf("cannot set '%s' together with 'expression': write it into the expression", name)
				}
			}
			if o.CheckExpression == nil {
				return nil
			}
			if err := o.CheckExpression(expr, stringsOf(rec["protocols"])); err != nil {
				return errors.New("Router Expression failed validation: " + err.Error())
			}
			return nil
		},
	}}
}

func stringsOf(v any) []string {
	l, _ := v.([]any)
	out := make([]string, 0, len(l))
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// routeRules are the further rules of each group of protocols.
func routeRules(o Options) func(string) (*schema.Schema, bool) {
	expr := o.RouterFlavor == Expressions
	http := &schema.Schema{EntityChecks: []schema.EntityCheck{needOneOf(expr, "http", "methods", "hosts", "headers", "paths")}}
	// The handshake of a WebSocket is a GET.
	ws := &schema.Schema{
		Fields:       []schema.Field{schema.Methods.Named("methods", refused("methods", "'ws' or 'wss'"))},
		EntityChecks: []schema.EntityCheck{needOneOf(expr, "ws", "hosts", "headers", "paths")},
	}
	grpc := &schema.Schema{
		Fields: []schema.Field{
			{Name: "strip_path", Type: schema.Boolean, Required: true, Default: false, Ne: true,
				Err: "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'"},
			schema.Methods.Named("methods", refused("methods", "'grpc' or 'grpcs'")),
		},
		EntityChecks: []schema.EntityCheck{needOneOf(expr, "grpc", "hosts", "headers", "paths")},
	}
	const l4 = "'tcp', 'tls', 'tls_passthrough' or 'udp'"
	stream := &schema.Schema{
		Fields: []schema.Field{
			schema.Methods.Named("methods", refused("methods", l4)),
			{Name: "hosts", Type: schema.Array, Elements: &schema.RouteHost, Eq: schema.Null, Err: cannotSet("hosts", l4)},
			{Name: "paths", Type: schema.Array, Elements: &schema.RouterPath, Eq: schema.Null, Err: cannotSet("paths", l4)},
			schema.Headers.Named("headers", refused("headers", l4)),
		},
		EntityChecks: []schema.EntityCheck{
			needOneOfL4(expr, list("tcp", "tls", "udp"), "'tcp', 'tls' or 'udp'", "sources", "destinations", "snis"),
			needOneOfL4(expr, list("tls_passthrough"), "'tls_passthrough'", "snis"),
		},
	}
	if !expr {
		for _, n := range []string{"sources", "destinations"} {
			f := peers(n)
			http.Fields = append(http.Fields, f.Named(n, refused(n, "'http' or 'https'")))
			grpc.Fields = append(grpc.Fields, f.Named(n, refused(n, "'grpc' or 'grpcs'")))
			ws.Fields = append(ws.Fields, f.Named(n, refused(n, "'ws' or 'wss'")))
		}
	}
	return func(protocol string) (*schema.Schema, bool) {
		switch protocol {
		case "http", "https":
			return http, true
		case "grpc", "grpcs":
			return grpc, true
		case "ws", "wss":
			return ws, true
		case "tcp", "tls", "udp", "tls_passthrough":
			return stream, true
		}
		return nil, false
	}
}

func cannotSet(field, protocols string) string {
	return fmt.Sprintf("cannot set '%s' when 'protocols' is %s", field, protocols)
}

func refused(field, protocols string) func(*schema.Field) {
	return func(f *schema.Field) { f.Eq, f.Err = schema.Null, cannotSet(field, protocols) }
}

// needOneOf: a route of protocol p (and its TLS form, where SNIs count too)
// must set one of the fields.
func needOneOf(expr bool, p string, fields ...string) schema.EntityCheck {
	secure := append(append([]string(nil), fields...), "snis")
	if expr {
		secure = append(secure, "expression")
		fields = append(append([]string(nil), fields...), "expression")
	}
	return schema.EntityCheck{ConditionalAtLeastOneOf: &schema.ConditionalAtLeastOneOf{
		IfField:              "protocols",
		IfMatch:              schema.Field{Contains: p + "s"},
		ThenAtLeastOneOf:     secure,
		ThenErr:              "must set one of %s when 'protocols' is '" + p + "s'",
		ElseMatch:            &schema.Field{Contains: p},
		ElseThenAtLeastOneOf: fields,
		ElseThenErr:          "must set one of %s when 'protocols' is '" + p + "'",
	}}
}

func needOneOfL4(expr bool, protocols []any, text string, fields ...string) schema.EntityCheck {
	if expr {
		fields = append(fields, "expression")
	}
	return schema.EntityCheck{ConditionalAtLeastOneOf: &schema.ConditionalAtLeastOneOf{
		IfField:          "protocols",
		IfMatch:          schema.Field{Elements: &schema.Field{Type: schema.String, OneOf: protocols}},
		ThenAtLeastOneOf: fields,
		ThenErr:          "must set one of %s when 'protocols' is " + text,
	}}
}
