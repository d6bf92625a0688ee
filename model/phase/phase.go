// Package phase names the phases of a plugin's life and which of them a PDK
// function may be called in.
//
// It is data only: the pipeline runs phases, plugin/pdk and the Lua runtime
// check them. There is one file, this one.
package phase

// Phase is a bit, so that a set of phases is an OR. The values are those that
// the reference gives them, since Lua code reads them (facts/phases.json).
type Phase uint32

// The phases. WS* are the WebSocket family, which has no value in the
// reference's open-source code.
const (
	InitWorker      Phase = 0x00000001
	Certificate     Phase = 0x00000002
	ClientHello     Phase = 0x00000008
	Rewrite         Phase = 0x00000010
	Access          Phase = 0x00000020
	Balancer        Phase = 0x00000040
	Response        Phase = 0x00000080
	ClusterListener Phase = 0x00000100
	HeaderFilter    Phase = 0x00000200
	BodyFilter      Phase = 0x00000400
	Timer           Phase = 0x00001000
	Log             Phase = 0x00002000
	Preread         Phase = 0x00004000
	WSHandshake     Phase = 0x00010000
	WSClientFrame   Phase = 0x00020000
	WSUpstreamFrame Phase = 0x00040000
	WSClose         Phase = 0x00080000
	Configure       Phase = 0x00100000
	Error           Phase = 0x01000000
	AdminAPI        Phase = 0x10000000

	// Request is every phase in which a request exists.
	Request = Rewrite | Access | Balancer | Response | HeaderFilter | BodyFilter | Log | Error | AdminAPI | ClusterListener
)

var names = map[Phase]string{
	InitWorker: "init_worker", Certificate: "certificate", ClientHello: "client_hello", Rewrite: "rewrite",
	Access: "access", Balancer: "balancer", Response: "response", ClusterListener: "cluster_listener",
	HeaderFilter: "header_filter", BodyFilter: "body_filter", Timer: "timer", Log: "log", Preread: "preread",
	WSHandshake: "ws_handshake", WSClientFrame: "ws_client_frame", WSUpstreamFrame: "ws_upstream_frame",
	WSClose: "ws_close", Configure: "configure", Error: "error", AdminAPI: "admin_api",
}

// String gives the phase's name as handlers spell it.
func (p Phase) String() string { return names[p] }
