package entity

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// TestWebSocketEntities: ws and wss are protocols of services and routes,
// which do not mix with others.
func TestWebSocketEntities(t *testing.T) {
	for _, c := range []struct {
		kind string
		in   map[string]any
		good bool
	}{
		{"services", map[string]any{"url": "ws://a.test/chat"}, true},
		{"services", map[string]any{"url": "wss://a.test:8443", "tls_verify": true}, true},
		{"services", map[string]any{"url": "ws://a.test", "tls_verify": true}, false},
		{"routes", map[string]any{"protocols": []any{"ws", "wss"}, "paths": []any{"/"}}, true},
		{"routes", map[string]any{"protocols": []any{"wss"}, "snis": []any{"a.test"}}, true},
		{"routes", map[string]any{"protocols": []any{"ws"}, "snis": []any{"a.test"}, "paths": []any{"/"}}, false},
		{"routes", map[string]any{"protocols": []any{"ws"}, "methods": []any{"GET"}, "paths": []any{"/"}}, false},
		{"routes", map[string]any{"protocols": []any{"ws"}}, false},
		{"routes", map[string]any{"protocols": []any{"http", "ws"}, "paths": []any{"/"}}, false},
	} {
		rec, err := schemaOf(t, c.kind, Options{}).Process(c.in, schema.Insert)
		if (err == nil) != c.good {
			t.Errorf("%s %v: %v", c.kind, c.in, err)
		}
		if url, _ := c.in["url"].(string); url == "ws://a.test/chat" && (rec["protocol"] != "ws" || rec["port"] != 80.0 || rec["path"] != "/chat") {
			t.Errorf("%s became %v", url, rec)
		}
	}
}
