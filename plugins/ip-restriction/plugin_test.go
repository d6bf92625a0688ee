package iprestriction

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

func TestAccess(t *testing.T) {
	for _, c := range []struct {
		config conf
		from   string
		status int // 0: let in
		body   string
	}{
		{conf{"allow": []any{"127.0.0.1"}}, "127.0.0.1", 0, ""},
		{conf{"allow": []any{"10.0.0.0/8", "192.168.1.7"}}, "127.0.0.1", 403, "IP address not allowed: 127.0.0.1"},
		{conf{"deny": []any{"127.0.0.0/8"}}, "127.0.0.1", 403, "IP address not allowed: 127.0.0.1"},
		{conf{"allow": []any{"127.0.0.1"}, "deny": []any{"127.0.0.0/30"}}, "127.0.0.1", 403, "IP address not allowed: 127.0.0.1"},
		{conf{"deny": []any{"127.0.0.1"}, "status": 451, "message": "not you"}, "127.0.0.1", 451, `"message":"not you"`},
		{conf{"deny": []any{"10.0.0.1"}}, "127.0.0.1", 0, ""},
		{conf{"allow": []any{"::1"}}, "127.0.0.1", 403, "IP address not allowed: 127.0.0.1"},
		{conf{"allow": []any{"fe80::/10"}}, "fe80::1", 0, ""},
		{conf{"allow": []any{"10.0.0.0/8"}}, "unix:", 403, "IP address not allowed: unix:"},
		{conf{"deny": []any{"10.0.0.0/8"}}, "unix:", 0, ""},
	} {
		e := pdktest.New(t, "GET /")
		e.X.RemoteAddr, _ = e.X.PutString(c.from)
		h := pdktest.Handler(t, config, newHandler, c.config).(*handler)
		if err := e.RunAccess(h); err != nil {
			t.Fatal(err)
		}
		if e.Status() != c.status || !strings.Contains(e.Body(), c.body) {
			t.Errorf("%v from %s: %d %s", c.config, c.from, e.Status(), e.Body())
		}
	}
}

func TestPreread(t *testing.T) {
	h := pdktest.Handler(t, config, newHandler, conf{"deny": []any{"127.0.0.1"}}).(*handler)
	e := pdktest.New(t, "GET /")
	e.Phase, e.Stream = phase.Preread, &pdk.Stream{Protocol: "TCP"}
	if err := h.Preread(e.Kong); err != pdk.ErrExit || e.Answer.HasBody {
		t.Errorf("%v, %+v", err, e.Answer)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (at least one of these fields must be non-empty: 'config.allow', 'config.deny')": {},
		"schema violation (config.allow: {\n  \"invalid ip or cidr range: '300.1.1.1'\"\n})":               {"allow": []any{"300.1.1.1"}},
		"schema violation (config.allow: {\n  \"invalid ip or cidr range: '10.0.0.0/99'\"\n})":             {"allow": []any{"10.0.0.0/99"}},
		"schema violation (config.deny: {\n  \"invalid ip or cidr range: 'example.com'\"\n})":              {"deny": []any{"example.com"}},
		"schema violation (config.status: expected a number)":                                              {"deny": []any{"1.2.3.4"}, "status": "x"},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}

func BenchmarkAccess(b *testing.B) {
	h := pdktest.Handler(b, config, newHandler, conf{"deny": []any{"10.0.0.0/8", "192.168.0.0/16"}, "allow": []any{"127.0.0.0/8", "::1"}}).(*handler)
	e := pdktest.New(b, "GET /")
	b.ReportAllocs()
	for b.Loop() {
		if err := e.RunAccess(h); err != nil {
			b.Fatal(err)
		}
	}
}
