package entity

import "github.com/gibbon-gateway/gibbon/model/schema"

// Vault is a decoded vault: a named way to resolve {vault://PREFIX/…}.
type Vault struct {
	ID        string
	Workspace string `kong:"ws_id"`
	// Prefix is the handle in references; Name the kind of vault.
	Prefix, Name, Description string
	Config                    map[string]any
	Tags                      []string
}

func vaultSchema(o Options) *schema.Schema {
	find := o.Vault
	if find == nil {
		find = func(name string) (*schema.Schema, bool) { return EnvVault, name == "env" }
	}
	return &schema.Schema{
		Name: "vaults", EndpointKey: "prefix", Workspaceable: true, CacheKey: []string{"prefix"}, TableName: "sm_vaults",
		SubschemaKey: "name", Subschema: find, SubschemaError: "vault '%s' is not installed",
		Fields: []schema.Field{
			schema.ID,
			{Name: "prefix", Type: schema.String, Required: true, Unique: true, UniqueAcrossWS: true,
				Match: "^[a-z][a-z%d-]-[a-z%d]+$", NotOneOf: list("env")},
			{Name: "name", Type: schema.String, Required: true},
			{Name: "description", Type: schema.String},
			{Name: "config", Type: schema.Record, Abstract: true},
			schema.CreatedAt, schema.UpdatedAt, schema.Tags,
		},
	}
}

// EnvVault is the configuration of the vault that reads environment variables.
var EnvVault = &schema.Schema{
	Name: "env",
	Fields: []schema.Field{{Name: "config", Type: schema.Record, Fields: []schema.Field{
		{Name: "prefix", Type: schema.String, Match: "^[%a_-][%a%d_-]*$"},
	}}},
}
