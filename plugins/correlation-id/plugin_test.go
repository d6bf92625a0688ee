package correlationid

import (
	"regexp"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

func handlerOf(t testing.TB, c map[string]any) *handler {
	return pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)
}

func TestGenerators(t *testing.T) {
	const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	for _, c := range []struct {
		name, generator, request string
		want                     string
	}{
		{"counter", "", "GET /", "^" + uuid + `#\d+$`},
		{"uuid", "uuid", "GET /", "^" + uuid + "$"},
		{"tracker", "tracker", "GET /", `^127\.0\.0\.1-8000-\d+-1-1-\d+\.\d{3}$`},
		{"kept", "uuid", "GET /\nkong-request-id: mine\n", "^mine$"},
		{"empty is none", "uuid", "GET /\nkong-request-id:\n", "^" + uuid + "$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := map[string]any{"echo_downstream": true}
			if c.generator != "" {
				conf["generator"] = c.generator
			}
			h := handlerOf(t, conf)
			e := pdktest.New(t, c.request).As("correlation-id")
			if err := e.RunAccess(h); err != nil {
				t.Fatal(err)
			}
			id := e.Sent("Kong-Request-ID")
			if !regexp.MustCompile(c.want).MatchString(id) {
				t.Errorf("id %q, want %s", id, c.want)
			}
			e.Respond("200\nKong-Request-ID: the service's\n\n")
			if err := e.RunHeaderFilter(h); err != nil || e.Got("Kong-Request-ID") != id {
				t.Errorf("the client gets %q, %v", e.Got("Kong-Request-ID"), err)
			}
		})
	}
}

func TestCounterCounts(t *testing.T) {
	h, other := handlerOf(t, nil), handlerOf(t, nil)
	seen := map[string]bool{}
	for i := range 10 {
		e := pdktest.New(t, "GET /")
		if i%2 == 0 {
			h, other = other, h
		}
		if err := e.RunAccess(h); err != nil {
			t.Fatal(err)
		}
		seen[e.Sent("Kong-Request-ID")] = true
	}
	if len(seen) != 10 {
		t.Errorf("10 requests have %d ids", len(seen))
	}
}

func TestNotEchoed(t *testing.T) {
	h := handlerOf(t, nil)
	e := pdktest.New(t, "GET /")
	if err := e.RunAccess(h); err != nil {
		t.Fatal(err)
	}
	if err := e.RunHeaderFilter(h); err != nil || e.Got("Kong-Request-ID") != "" {
		t.Errorf("%q, %v", e.Got("Kong-Request-ID"), err)
	}
}

// A request that an earlier plugin ended in rewrite never saw access.
func TestEchoWithoutAccess(t *testing.T) {
	h := handlerOf(t, map[string]any{"echo_downstream": true})
	for sent, want := range map[string]string{"": "", "mine": "mine"} {
		e := pdktest.New(t, "GET /\nKong-Request-ID: "+sent+"\n")
		if err := e.RunHeaderFilter(h); err != nil || e.Got("Kong-Request-ID") != want {
			t.Errorf("%q: %q, %v", sent, e.Got("Kong-Request-ID"), err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]map[string]any{
		"schema violation (config.generator: expected one of: uuid, uuid#counter, tracker)": {"generator": "ulid"},
		"schema violation (config.echo_downstream: expected a boolean)":                     {"echo_downstream": "no"},
		"schema violation (config.nope: unknown field)":                                     {"nope": 1},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}
