package entity

import "github.com/gibbon-gateway/gibbon/model/schema"

// Consumer is a decoded consumer: who uses the gateway.
type Consumer struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Username  string
	CustomID  string `kong:"custom_id"`
	CreatedAt int64
	UpdatedAt int64
	Tags      []string
}

func consumerSchema() *schema.Schema {
	return &schema.Schema{
		Name: "consumers", EndpointKey: "username", Workspaceable: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			{Name: "username", Type: schema.String, Unique: true},
			{Name: "custom_id", Type: schema.String, Unique: true},
			schema.Tags,
		},
		EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"custom_id", "username"}}},
	}
}

// ConsumerGroup is a decoded consumer group: plugins may be scoped to it.
type ConsumerGroup struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Name      string
	CreatedAt int64
	UpdatedAt int64
	Tags      []string
}

func consumerGroupSchema() *schema.Schema {
	return &schema.Schema{
		Name: "consumer_groups", EndpointKey: "name", Workspaceable: true, NoAdminAPI: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			schema.UTF8Name.Named("name", required),
			schema.Tags,
		},
	}
}

// consumerGroupConsumerSchema is the membership of a consumer in a group.
func consumerGroupConsumerSchema() *schema.Schema {
	return &schema.Schema{
		Name: "consumer_group_consumers", Workspaceable: true, NoAdminAPI: true,
		CacheKey: []string{"consumer_group", "consumer"},
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			{Name: "consumer_group", Type: schema.Foreign, Reference: "consumer_groups", Required: true, OnDelete: "cascade"},
			{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
			schema.Tags,
		},
	}
}
