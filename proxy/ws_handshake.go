package proxy

import (
	"github.com/gibbon-gateway/gibbon/plugin"
)

// wantsWebSocket says whether the request's service is for WebSockets.
func (r *request) wantsWebSocket() bool {
	s := r.route.Entry.Service
	return s != nil && (s.Protocol == "ws" || s.Protocol == "wss")
}

// notWebSocket refuses what matched a WebSocket route or service and asks for none.
func (r *request) notWebSocket() plugin.Outcome {
	r.step = stepHeaderFilter
	_ = r.Add(&r.Response, "connection", "Upgrade")
	_ = r.Add(&r.Response, "upgrade", "websocket")
	r.exit(426, "Please use WebSocket protocol")
	return plugin.Continue
}
