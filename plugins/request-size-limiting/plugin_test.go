package requestsizelimiting

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

type conf = map[string]any

func TestAccess(t *testing.T) {
	five := conf{"allowed_payload_size": 5, "size_unit": "bytes"}
	kilobyte := conf{"allowed_payload_size": 1, "size_unit": "kilobytes"}
	required := conf{"allowed_payload_size": 5, "size_unit": "bytes", "require_content_length": true}
	body := func(n int) string { return "POST /\n\n" + strings.Repeat("x", n) }
	for _, c := range []struct {
		name    string
		config  conf
		request string
		chunked bool
		status  int
	}{
		{"at the limit", five, body(5), false, 0},
		{"above it", five, body(6), false, 413},
		{"asked before", five, "POST /\nExpect: 100-continue\n\n123456", false, 417},
		{"no body", five, "GET /", false, 0},
		{"a kilobyte", kilobyte, body(1024), false, 0},
		{"more than a kilobyte", kilobyte, body(1025), false, 413},
		{"length required", required, "GET /", false, 411},
		{"length given", required, body(3), false, 0},
		{"default", nil, body(200), false, 0},
		{"chunked", five, body(3), true, 0},
		{"too much in chunks", five, body(6), true, 413},
		{"chunks need no length", required, body(3), true, 0},
		{"too much in chunks, length required", required, body(6), true, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := pdktest.New(t, c.request).As("request-size-limiting")
			if c.chunked {
				e.X.Del(&e.X.Request, "Content-Length")
				if err := e.X.Add(&e.X.Request, "Transfer-Encoding", "chunked"); err != nil {
					t.Fatal(err)
				}
				e.X.RequestBody, e.X.RequestBodyLength = message.BodyChunked, -1
			}
			if err := e.RunAccess(pdktest.Handler(t, config, plugin.Of(newHandler), c.config).(*handler)); err != nil {
				t.Fatal(err)
			}
			if e.Status() != c.status || e.Blocked != c.chunked {
				t.Errorf("%d, blocked %v: %s", e.Status(), e.Blocked, e.Body())
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	want := "2 schema violations (config.allowed_payload_size: expected an integer; config.size_unit: expected one of: megabytes, kilobytes, bytes)"
	if _, err := pdktest.Config(config, conf{"allowed_payload_size": 1.5, "size_unit": "gigabytes"}); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
