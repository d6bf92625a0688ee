package websocketsizelimit

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		config           conf
		client, upstream int
	}{
		{conf{"client_max_payload": 1024}, 1024, 0},
		{conf{"upstream_max_payload": 2048}, 0, 2048},
		{conf{"client_max_payload": 1, "upstream_max_payload": 33554432}, 1, 33554432},
	} {
		e := pdktest.New(t, "GET /").As("websocket-size-limit")
		e.Phase = phase.WSHandshake
		e.WebSocket = pdk.NewWebSocket(e.Kong)
		h := pdktest.Handler(t, config, plugin.Of(newHandler), c.config).(*handler)
		if err := h.WSHandshake(e.Kong); err != nil {
			t.Fatal(err)
		}
		if a, b := e.WebSocket.Client.MaxPayloadSize(), e.WebSocket.Upstream.MaxPayloadSize(); a != c.client || b != c.upstream {
			t.Errorf("%v: %d and %d", c.config, a, b)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, in := range map[string]conf{
		"config.client_max_payload: value should be between 1 and 33554432":                            {"client_max_payload": 0},
		"config.upstream_max_payload: value should be between 1 and 33554432":                          {"upstream_max_payload": 33554433},
		"at least one of these fields must be non-empty: 'client_max_payload', 'upstream_max_payload'": {},
	} {
		if _, err := pdktest.Config(config, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", in, err)
		}
	}
}
