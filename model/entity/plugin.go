package entity

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
