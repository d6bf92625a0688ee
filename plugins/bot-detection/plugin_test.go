package botdetection

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

func TestAccess(t *testing.T) {
	deny := conf{"deny": []any{"^mybot", `curl/7\..*`}}
	both := conf{"allow": []any{"Twitterbot"}, "deny": []any{"Twitter"}}
	for _, c := range []struct {
		config conf
		agent  string
		status int
	}{
		{nil, "Mozilla/5.0 (X11; Linux x86_64) Firefox/99.0", 0},
		{nil, "Twitterbot/1.0", 403},
		{nil, "Googlebot/2.1 (+http://www.google.com/bot.html)", 403},
		{nil, "Mozilla/5.0 (compatible; bingbot/2.0)", 403},
		{nil, "facebookexternalhit/1.1", 403},
		{nil, "Go-http-client/1.1", 403},
		{nil, "Scrapy/2.5", 403},
		{nil, "curl/8.0", 0},
		{nil, "Cubot/1 Mozilla/5.0", 0},
		{nil, "", 0},
		{deny, "mybot", 403},
		{deny, "MyBot", 0},
		{deny, "curl/7.68.0", 403},
		{deny, "curl/8.0", 0},
		{both, "Twitterbot/1.0", 0},
		{both, "Twitter", 403},
	} {
		e := pdktest.New(t, "GET /\nUser-Agent: "+c.agent+"\n")
		if err := e.RunAccess(pdktest.Handler(t, config, newHandler, c.config).(*handler)); err != nil || e.Status() != c.status {
			t.Errorf("%v, %q: %d, %v", c.config, c.agent, e.Status(), err)
		}
	}
	e := pdktest.New(t, "GET /")
	if err := e.RunAccess(pdktest.Handler(t, config, newHandler, nil).(*handler)); err != nil || e.Exited {
		t.Errorf("no user agent: %d, %v", e.Status(), err)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (config.deny: {\n  \"not a valid regex: (\"\n})": {"deny": []any{"("}},
		"schema violation (config.allow: expected an array)":               {"allow": "x"},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}
