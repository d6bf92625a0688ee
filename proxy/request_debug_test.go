package proxy

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
)

func TestParseDebugPhases(t *testing.T) {
	for text, want := range map[string]debugPhases{
		"*": debugAll, " * ": debugAll, "access": debugAccess, "rewrite,log": debugRewrite | debugLog,
		" upstream , balancer": debugUpstream | debugBalancer, "response,header_filter,body_filter": debugResponse | debugHeaderFilter | debugBodyFilter,
		"": 0, "true": 0, "1": 0, "access,": 0, "access,x": 0, "Access": 0, "*,access": 0,
	} {
		if got := parseDebugPhases(text); got != want {
			t.Errorf("%q: %b, want %b", text, got, want)
		}
	}
}

// The output stays valid JSON whatever is in it, and says when it is cut.
func TestDebugOutput(t *testing.T) {
	d := &requestDebug{want: debugAll, start: time.Now().Add(-time.Second), at: stepEnd}
	for s := stepRewrite; s < stepEnd; s++ {
		d.ran[s], d.steps[s] = true, time.Duration(s)*1500*time.Microsecond
	}
	for i := range 200 {
		d.resolved(fmt.Sprintf("host%d\".test", i%20), time.Millisecond, i%2 == 0)
		d.Plugins = append(d.Plugins, pipeline.PluginTime{Phase: phase.Access, Name: fmt.Sprintf("p%d", i%100), ID: fmt.Sprint(i), Took: time.Millisecond})
	}
	var out struct {
		Total     float64 `json:"total_time"`
		Without   float64 `json:"total_time_without_upstream"`
		Truncated bool    `json:"truncated"`
		Child     map[string]struct {
			Total float64 `json:"total_time"`
			Child map[string]struct {
				Child map[string]json.RawMessage `json:"child"`
			} `json:"child"`
		} `json:"child"`
	}
	if err := json.Unmarshal(d.output("i\"d", d.tree(true), false), &out); err != nil {
		t.Fatal(err)
	}
	if n := len(out.Child["balancer"].Child["dns"].Child); n != maxDebugNames {
		t.Errorf("%d names", n)
	}
	if n := len(out.Child["access"].Child["plugins"].Child); n != 100 {
		t.Errorf("%d plugins", n)
	}
	if got, want := out.Child["balancer"].Total, 7.5; got != want {
		t.Errorf("balancer: %v, want %v", got, want)
	}
	if out.Total < 1000 || out.Without > out.Total-20 || out.Truncated {
		t.Errorf("%+v", out)
	}
	out.Child = nil
	if err := json.Unmarshal(d.output("id", nil, true), &out); err != nil || !out.Truncated || len(out.Child) != 0 {
		t.Errorf("cut: %+v, %v", out, err)
	}
}
