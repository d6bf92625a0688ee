package websocketvalidator

import (
	"errors"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

const person = `{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}}, "required": ["name"]}`

func TestFrames(t *testing.T) {
	config4 := conf{
		"client":   conf{"text": conf{"type": "draft4", "schema": person}},
		"upstream": conf{"binary": conf{"type": "draft4", "schema": `{"type": "array"}`}},
	}
	long := `{"name": "` + strings.Repeat("x", inlineSize) + `"}`
	for _, c := range []struct {
		from phase.Phase
		kind pdk.FrameType
		data string
		good bool
		job  bool
	}{
		{phase.WSClientFrame, pdk.TextFrame, `{"name": "a"}`, true, false},
		{phase.WSClientFrame, pdk.TextFrame, `{"name": "a", "age": 1}`, true, false},
		{phase.WSClientFrame, pdk.TextFrame, `{"name": "a", "age": 0}`, false, false}, // draft 4's exclusiveMinimum
		{phase.WSClientFrame, pdk.TextFrame, `{"age": 1}`, false, false},
		{phase.WSClientFrame, pdk.TextFrame, `{"name": "a"} {}`, false, false},
		{phase.WSClientFrame, pdk.TextFrame, `no JSON`, false, false},
		{phase.WSClientFrame, pdk.TextFrame, long, true, true},
		{phase.WSClientFrame, pdk.BinaryFrame, `no JSON`, true, false},
		{phase.WSClientFrame, pdk.PingFrame, `no JSON`, true, false},
		{phase.WSUpstreamFrame, pdk.TextFrame, `no JSON`, true, false},
		{phase.WSUpstreamFrame, pdk.BinaryFrame, `[1]`, true, false},
		{phase.WSUpstreamFrame, pdk.BinaryFrame, `{}`, false, false},
	} {
		e := pdktest.New(t, "GET /").As("websocket-validator")
		e.Phase = c.from
		e.WebSocket = pdk.NewWebSocket(e.Kong)
		f := pdk.Frame{Type: c.kind, Data: []byte(c.data)}
		e.WebSocket.Begin(f)
		h := pdktest.Handler(t, config, newHandler, config4).(*handler)
		run := h.WSClientFrame
		if c.from == phase.WSUpstreamFrame {
			run = h.WSUpstreamFrame
		}
		err := run(e.Kong, f)
		if c.job {
			if !errors.Is(err, pdk.ErrBlocks) {
				t.Errorf("%.40s: %v on the loop", c.data, err)
			}
			e.InJob = true
			err = run(e.Kong, f)
		}
		switch closing := e.WebSocket.Closing; {
		case c.good && (err != nil || closing != nil):
			t.Errorf("%.40s: %v, %v", c.data, err, closing)
		case !c.good && (!errors.Is(err, pdk.ErrExit) || closing == nil || closing.Status != 1007 || closing.OtherStatus != 1001):
			t.Errorf("%.40s: %v, %v", c.data, err, closing)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	with := func(schema string) conf {
		return conf{"client": conf{"text": conf{"type": "draft4", "schema": schema}}}
	}
	for _, c := range []struct {
		in   conf
		want string
	}{
		{conf{}, "at least one of these fields must be non-empty: 'client', 'upstream'"},
		{conf{"client": conf{}}, "at least one of these fields must be non-empty: 'text', 'binary'"},
		{conf{"client": conf{"text": conf{"type": "draft7", "schema": "{}"}}}, "expected one of: draft4"},
		{conf{"client": conf{"text": conf{"type": "draft4"}}}, "required field missing"},
		{with("no"), "invalid JSON schema: not JSON"},
		{with(`{"type": "wrong"}`), "invalid JSON schema"},
		{with(`{"$ref": "file:///etc/passwd"}`), "invalid JSON schema"},
	} {
		if _, err := pdktest.Config(config, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.in, err)
		}
	}
	if _, err := pdktest.Config(config, with(person)); err != nil {
		t.Error(err)
	}
}
