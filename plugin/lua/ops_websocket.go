package lua

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations of kong.websocket (lib/kong/pdk/websocket.lua). What concerns
// the frame in flight is C (luajit/frame.c).
func init() {
	RegisterOp("websocket.close", onRequest(closeSocket))
	RegisterOp("websocket.limit", onRequest(limitSocket))
}

const framePhases = phase.WSClientFrame | phase.WSUpstreamFrame

// sideOf is the module that an operation's first argument names.
func sideOf(c *Call, k *pdk.Kong) *pdk.WebSocketSide {
	switch {
	case k.WebSocket == nil:
		c.Fail("the request is no WebSocket of a ws or wss service")
		return nil
	case c.String(0) == "client":
		return &k.WebSocket.Client
	}
	return &k.WebSocket.Upstream
}

// closeSocket(side, status, message, other_status, other_payload): nothing, or nil and a text.
func closeSocket(c *Call, k *pdk.Kong) {
	s := sideOf(c, k)
	if s == nil {
		return
	}
	if err := s.Close(c.Int(1), c.String(2), c.Int(3), c.String(4)); err != pdk.ErrExit {
		refuse(c, err)
		return
	}
	c.Return()
}

// limitSocket(side, size): true, or nil and a text.
func limitSocket(c *Call, k *pdk.Kong) {
	if s := sideOf(c, k); s != nil {
		refuse(c, s.SetMaxPayloadSize(c.Int(1)), true)
	}
}

// frameOver takes what handlers made of the frame.
func (vm *VM) frameOver(k *pdk.Kong) {
	w := k.WebSocket
	if w == nil || vm.lj == nil {
		return
	}
	f := vm.lj.Frame()
	w.InFlight.Status = f.Status
	w.Dropped = w.Dropped || f.Dropped
	if f.Edited {
		w.InFlight.Data, w.Edited = bytes.Clone(f.Data), true
	}
}
