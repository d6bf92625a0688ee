package pipeline

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// framer notes its calls; its handshake names a consumer.
type framer struct {
	name     string
	consumer string
	calls    *[]string
}

func (f *framer) note(what string) { *f.calls = append(*f.calls, f.name+":"+what) }

func (f *framer) WSHandshake(k *pdk.Kong) error {
	f.note("handshake")
	if f.consumer != "" {
		k.Client.Authenticate(dao.Record{"id": f.consumer}, nil)
	}
	return nil
}

func (f *framer) WSClientFrame(k *pdk.Kong, fr pdk.Frame) error {
	f.note("frame " + string(fr.Data))
	if string(fr.Data) == "drop" {
		return k.WebSocket.Client.DropFrame()
	}
	return k.WebSocket.Client.SetFrameData(append(fr.Data[:len(fr.Data):len(fr.Data)], f.name...))
}

func (f *framer) WSClose(*pdk.Kong) error {
	f.note("close")
	return nil
}

// TestFramePhases runs frames through handlers where the consumer decides on
// configurations: the one that ws_handshake collected has every frame.
func TestFramePhases(t *testing.T) {
	var calls []string
	make := func(name string, priority int, consumer string, sc Scope) *plugin.Bound {
		h := &framer{name, consumer, &calls}
		all := plugin.PhasesOf(h)
		b := bound(&plugin.Plugin{Name: name, Priority: priority, Phases: all, Inline: all}, name, sc)
		b.Handler = h
		return b
	}
	plan := NewSet([]*plugin.Bound{make("a", 3, "c1", Scope{}), make("b", 2, "", Scope{Consumer: "c1"}), make("c", 1, "", Scope{Consumer: "c2"})}).Plan(Scope{}, nil)
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: a.test\n")
	e.WebSocket = pdk.NewWebSocket(e.Kong)
	var r Run
	r.Begin(plan)
	r.Route(plan)
	run := func(want plugin.Outcome, out plugin.Outcome) {
		t.Helper()
		if out != want {
			t.Errorf("outcome %d, want %d", out, want)
		}
	}
	run(plugin.Continue, r.Phase(e.Kong, phase.WSHandshake))
	if !r.Frames() {
		t.Error("no handler sees frames")
	}
	for _, data := range []string{"x", "y"} {
		e.WebSocket.Begin(pdk.Frame{Type: pdk.TextFrame, Data: []byte(data)})
		run(plugin.Continue, r.Frame(e.Kong, phase.WSClientFrame))
		if got := string(e.WebSocket.InFlight.Data); got != data+"ab" {
			t.Errorf("the frame became %q", got)
		}
		run(plugin.Continue, r.Frame(e.Kong, phase.WSUpstreamFrame)) // nobody has one
	}
	e.WebSocket.Begin(pdk.Frame{Type: pdk.TextFrame, Data: []byte("drop")})
	run(plugin.Respond, r.Frame(e.Kong, phase.WSClientFrame))
	if !e.WebSocket.Dropped {
		t.Error("not dropped")
	}
	run(plugin.Continue, r.Phase(e.Kong, phase.WSClose))
	const want = "a:handshake b:handshake a:frame x b:frame xa a:frame y b:frame ya a:frame drop a:close b:close"
	if got := strings.Join(calls, " "); got != want {
		t.Errorf("ran %s\nwant %s", got, want)
	}
}
