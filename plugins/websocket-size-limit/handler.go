// Package websocketsizelimit is the plugin websocket-size-limit: messages of a
// WebSocket that are too large end it. Read schema.go first.
package websocketsizelimit

import (
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct{ *Config }

var _ plugin.WSHandshaker = (*handler)(nil)

func newHandler(c *Config) plugin.Handler { return &handler{c} }

// WSHandshake sets the limits; the gateway keeps them while it joins fragments.
func (h *handler) WSHandshake(k *pdk.Kong) error {
	if h.ClientMaxPayload > 0 {
		if err := k.WebSocket.Client.SetMaxPayloadSize(h.ClientMaxPayload); err != nil {
			return err
		}
	}
	if h.UpstreamMaxPayload > 0 {
		return k.WebSocket.Upstream.SetMaxPayloadSize(h.UpstreamMaxPayload)
	}
	return nil
}
