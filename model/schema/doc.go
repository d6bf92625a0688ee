// Package schema is the schema language: what a record of an entity or of a
// plugin's configuration may hold, its defaults, and how a violation is told.
// One validator serves Go plugins (struct literals), Lua plugins (the same
// structs, filled at run time from a schema.lua by plugin/lua) and the core
// entities.
//
// It knows no entity, no plugin and no store. Read field.go first, then
// process.go (defaults and generated values) and validate.go (checks).
//
// # Values
//
// A value is a string, a float64 (every number), a bool, []any,
// map[string]any, or [Null] for a null that was written. An absent key is
// "not given". [Normalize] turns other Go values (int, []string …) into these;
// schema literals may use plain Go values (Default: 80), input records may not.
//
// # Use
//
//	s := &schema.Schema{
//		Name: "key-auth",
//		Fields: []schema.Field{
//			schema.NoConsumer,
//			schema.ProtocolsHTTP,
//			{Name: "config", Type: schema.Record, Fields: []schema.Field{
//				{Name: "key_names", Type: schema.Array, Required: true, Default: []any{"apikey"},
//					Elements: &schema.HeaderName},
//				{Name: "anonymous", Type: schema.String},
//			}},
//		},
//	}
//
// A plugin's schema is, as in the reference, a whole: it narrows the plugin
// entity's own fields (consumer, route, service, protocols), has a record
// named "config", and its entity checks name fields as "config.x".
//
//	rec, err := s.Process(in, schema.Insert) // defaults, then validation
//	var cfg Config
//	err = schema.Decode(rec["config"].(map[string]any), &cfg)
//
// err is an [Errors] tree with the reference's texts; err.Error() is
// "schema violation (…)" or "2 schema violations (…; …)".
package schema
