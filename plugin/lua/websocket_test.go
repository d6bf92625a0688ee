package lua

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// TestFrames runs handlers on frames: arguments, edits that later handlers
// see, what ends the phase, and a suspension in between. What the upstream
// module shares with the client's is shown once.
//
// Documented rows 1-8.
func TestFrames(t *testing.T) {
	s := newStage(t, Options{})
	a := s.plugin("a", `
		local c, u = kong.websocket.client, kong.websocket.upstream
		function P:ws_client_frame(conf, data, kind, status)
			say("a", self == P, conf.tag, data, kind, status)
			if data == "drop" then say(pcall(c.drop_frame)) end
			if data == "edit" then c.set_frame_data("edited") say(c.get_frame()) end
			if data == "wait" then say(later(1)) end
			if data == "close" then c.close(1008, "no", 1001, "away") end
			if data == "wrong" then
				for _, f in ipairs { function() u.get_frame() end, function() c.set_status(1000) end, function() c.set_frame_data(1) end,
					function() c.close("x") end, function() c.close(1005) end, function() c.set_max_payload_size(-1) end,
					function() c.set_max_payload_size(1.5) end, function() u.set_max_payload_size(1) end } do
					local ok, err = pcall(f)
					say(ok, (tostring(err):gsub("^.-%d+: ", "")))
				end
				c.set_max_payload_size(77)
			end
			if kind == "close" then c.set_status(1001) c.set_frame_data("bye") say(pcall(c.drop_frame)) end
			if kind == "ping" then say(pcall(c.set_frame_data, ("x"):rep(126))) end
		end`)
	b := s.plugin("b", `
		function P:ws_client_frame(_, data, kind, status) say("b", data, kind, status) kong.ctx.shared.n = (kong.ctx.shared.n or 0) + 1 end
		function P:ws_upstream_frame(_, data, kind)
			local u = kong.websocket.upstream
			say("up", data, kong.ctx.shared.n)
			if kind == "close" then u.set_status(1001) say(u.get_frame()) say(pcall(u.drop_frame)) return end
			if data == "drop" then u.drop_frame() end
			if data == "close" then u.close(1008, "no", 1001, "away") end
			say(select(2, pcall(u.set_status, 1000)))
			u.set_frame_data(data:upper())
		end
		function P:ws_close() say("closed", kong.ctx.shared.n, pcall(kong.websocket.client.get_frame)) end`)
	calls := s.start(a, b)
	k, h := s.request()
	k.WebSocket = pdk.NewWebSocket(k)
	run := func(ph phase.Phase, f pdk.Frame) plugin.Outcome {
		k.Phase, k.WebSocket.Closing = ph, nil
		k.WebSocket.Begin(f)
		return s.rt.Run(k, ph, calls)
	}
	log := func() string {
		var out []string
		for l := range strings.SplitSeq(s.lines(), "\n") {
			l, _, _ = strings.Cut(l, ", server: ")
			out = append(out, strings.TrimPrefix(l, "notice *7 "))
		}
		return strings.Join(out, "; ")
	}
	s.lines()
	w := k.WebSocket
	text := func(s string) pdk.Frame { return pdk.Frame{Type: pdk.TextFrame, Data: []byte(s)} }
	if out := run(phase.WSClientFrame, text("plain")); out != plugin.Continue || w.Edited || w.Dropped {
		t.Error(out, w)
	}
	expect(t, log(), "a true a plain text nil; b plain text nil")
	if out := run(phase.WSClientFrame, text("edit")); out != plugin.Continue || !w.Edited || string(w.InFlight.Data) != "edited" {
		t.Error(out, w)
	}
	expect(t, log(), "a true a edit text nil; edited text nil; b edited text nil")
	if out := run(phase.WSClientFrame, text("drop")); out != plugin.Respond || !w.Dropped {
		t.Error(out, w)
	}
	expect(t, log(), "a true a drop text nil")
	if out := run(phase.WSClientFrame, text("close")); out != plugin.Respond || w.Closing == nil || *w.Closing != (pdk.Closing{Status: 1008, Message: "no", OtherStatus: 1001, OtherReason: "away"}) {
		t.Error(out, w.Closing)
	}
	log()
	if out := run(phase.WSClientFrame, pdk.Frame{Type: pdk.CloseFrame, Status: 1000, Data: []byte("x")}); out != plugin.Continue || w.InFlight.Status != 1001 || string(w.InFlight.Data) != "bye" {
		t.Error(out, w.InFlight)
	}
	expect(t, log(), "a true a x close 1000; false a close frame cannot be dropped; b bye close 1001")
	if out := run(phase.WSClientFrame, pdk.Frame{Type: pdk.PingFrame}); out != plugin.Continue {
		t.Error(out)
	}
	expect(t, log(), "a true a  ping nil; false the payload of a ping frame has at most 125 bytes; b  ping nil")
	run(phase.WSClientFrame, text("wrong"))
	expect(t, log(), "a true a wrong text nil; "+
		"false function cannot be called in ws_client_frame phase (only in: ws_upstream_frame); "+
		"false cannot set the status of a text frame: only close frames have one; false frame payload must be a string; "+
		"false status must be a number; false status 1005 cannot stand in a close frame; "+
		"false size must be an integer between 0 and 33554432; false size must be an integer between 0 and 33554432; "+
		"false function cannot be called in ws_client_frame phase (only in: ws_handshake, ws_upstream_frame); b wrong text nil")
	if w.Client.MaxPayloadSize() != 77 {
		t.Error(w.Client.MaxPayloadSize())
	}
	if out := run(phase.WSClientFrame, text("wait")); out != plugin.Suspend {
		t.Error(out)
	}
	later[0].Done("went on")
	later = later[:0]
	if len(h.outcomes) != 1 || h.outcomes[0] != plugin.Continue {
		t.Error(h.outcomes)
	}
	expect(t, log(), "a true a wait text nil; went on; b wait text nil")
	if out := run(phase.WSUpstreamFrame, text("from up")); out != plugin.Continue || string(w.InFlight.Data) != "FROM UP" {
		t.Error(out, w.InFlight)
	}
	expect(t, log(), "up from up 6; cannot set the status of a text frame: only close frames have one")
	if out := run(phase.WSUpstreamFrame, text("drop")); out != plugin.Respond || !w.Dropped {
		t.Error(out, w)
	}
	if out := run(phase.WSUpstreamFrame, text("close")); out != plugin.Respond || w.Closing == nil || w.Closing.Status != 1008 || w.Closing.OtherStatus != 1001 {
		t.Error(out, w.Closing)
	}
	log()
	if out := run(phase.WSUpstreamFrame, pdk.Frame{Type: pdk.CloseFrame, Status: 1000, Data: []byte("x")}); out != plugin.Continue || w.InFlight.Status != 1001 {
		t.Error(out, w.InFlight)
	}
	expect(t, log(), "up x 6; x close 1001; false a close frame cannot be dropped")
	k.Phase = phase.WSClose
	if out := s.rt.Run(k, phase.WSClose, calls); out != plugin.Continue {
		t.Error(out)
	}
	expect(t, log(), "closed 6 false function cannot be called in ws_close phase (only in: ws_client_frame)")
	s.end(k)
}

// TestMultiProtocolPlugin: one plugin with handlers for requests and for
// WebSockets; ws_close is its log, kong.ctx.plugin carries data from frame to frame.
//
// Documented row 80.
func TestMultiProtocolPlugin(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("p", `
		function P:access() kong.ctx.plugin.n = 100 end
		function P:ws_handshake() kong.ctx.plugin.n = 0 end
		function P:ws_client_frame() kong.ctx.plugin.n = kong.ctx.plugin.n + 1 end
		function P:log() say("n", kong.ctx.plugin.n) end
		P.ws_close = P.log`)
	calls := s.start(p)
	for _, c := range []struct {
		phases []phase.Phase
		want   string
	}{
		{[]phase.Phase{phase.Access, phase.Log}, "n 100"},
		{[]phase.Phase{phase.WSHandshake, phase.WSClientFrame, phase.WSClientFrame, phase.WSClose}, "n 2"},
	} {
		s.lines()
		k, _ := s.request()
		k.WebSocket = pdk.NewWebSocket(k)
		for _, ph := range c.phases {
			k.Phase, k.X.Phase = ph, uint32(ph)
			k.WebSocket.Begin(pdk.Frame{Type: pdk.TextFrame, Data: []byte("x")})
			if out := s.rt.Run(k, ph, calls); out != plugin.Continue {
				t.Errorf("%s: outcome %d", ph, out)
			}
		}
		s.end(k)
		if got := s.lines(); !strings.Contains(got, c.want+",") {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestPDKInWebSocketHandlers: which functions the handlers may call. What
// access may, ws_handshake may; frames have neither a response nor a way to the service.
//
// Documented row 81.
func TestPDKInWebSocketHandlers(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("p", `
		local function all(phase)
			for _, f in ipairs { "request.get_header", "request.get_path", "service.request.set_header", "response.set_header", "response.get_status",
				"response.exit", "client.get_consumer", "router.get_route" } do
				local at = kong
				for part in f:gmatch("[^.]+") do at = at[part] end
				local ok, err = pcall(at)
				say(phase, f, (ok or not tostring(err):find("function cannot be called in " .. phase .. " phase", 1, true)) and "yes" or "no")
			end
		end
		function P:ws_handshake() all("ws_handshake") say("body", kong.request.get_body()) end
		function P:ws_client_frame() all("ws_client_frame") end
		function P:ws_close() all("ws_close") end`)
	calls := s.start(p)
	s.lines()
	k, _ := s.request()
	k.WebSocket = pdk.NewWebSocket(k)
	for _, ph := range []phase.Phase{phase.WSHandshake, phase.WSClientFrame, phase.WSClose} {
		k.Phase, k.X.Phase = ph, uint32(ph)
		k.WebSocket.Begin(pdk.Frame{Type: pdk.TextFrame, Data: []byte("x")})
		if out := s.rt.Run(k, ph, calls); out != plugin.Continue {
			t.Errorf("%s: outcome %d", ph, out)
		}
	}
	got := s.lines()
	for f, want := range map[string]string{ // handshake, frame, close
		"request.get_header": "yes yes yes", "request.get_path": "yes yes yes", "service.request.set_header": "yes no no",
		"response.set_header": "yes no no", "response.get_status": "no no yes", "response.exit": "yes no no",
		"client.get_consumer": "yes no yes", "router.get_route": "yes no yes",
	} {
		for i, ph := range []string{"ws_handshake", "ws_client_frame", "ws_close"} {
			if line := ph + " " + f + " " + strings.Fields(want)[i]; !strings.Contains(got, line) {
				t.Errorf("not %q", line)
			}
		}
	}
	if !strings.Contains(got, "body nil missing content type") {
		t.Error("the handshake's body")
	}
	if t.Failed() {
		t.Log(got)
	}
	s.end(k)
}
