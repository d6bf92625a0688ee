package entity

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
