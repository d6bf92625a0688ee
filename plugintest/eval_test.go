package plugintest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// evaluating is a Go plugin that runs code of its configuration, as loggers and transformers do.
type evaluating struct {
	Code  string         `json:"code"`
	Env   map[string]any `json:"env"`
	Phase string         `json:"phase"`
}

func init() {
	text := func(name string) schema.Field { return schema.Field{Name: name, Type: schema.String} }
	for name, inline := range map[string]phase.Phase{"eval-inline": phase.Access, "eval-job": 0} {
		plugin.Register(plugin.Plugin{Name: name, Priority: 5, Version: "1.0.0", Inline: inline,
			Phases: phase.Access | phase.HeaderFilter | phase.BodyFilter | phase.Log,
			Config: &schema.Schema{Name: name, Fields: []schema.Field{{Name: "config", Type: schema.Record, Fields: []schema.Field{
				text("code"), text("phase"), {Name: "env", Type: schema.Map, Keys: &schema.Field{Type: schema.String}, Values: &schema.Field{Type: schema.String}}}}}},
			New: plugin.Of(func(c *evaluating) plugin.Handler { return c })})
	}
}

func (e *evaluating) eval(k *pdk.Kong, ph string) {
	if e.Phase != ph {
		return
	}
	v, err := k.Eval(e.Code, e.Env)
	text, _ := json.Marshal(v)
	k.Log.Notice(fmt.Sprintf("%s %v", text, err))
}

func (e *evaluating) Access(k *pdk.Kong) error       { e.eval(k, "access"); return nil }
func (e *evaluating) HeaderFilter(k *pdk.Kong) error { e.eval(k, "header_filter"); return nil }
func (e *evaluating) Log(k *pdk.Kong) error          { e.eval(k, "log"); return nil }
func (e *evaluating) BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error) {
	e.eval(k, "body_filter")
	return chunk, nil
}

func TestEval(t *testing.T) {
	for _, c := range []struct{ plugin, phase, code, want string }{
		{"eval-inline", "access", "return 1 + 1", "2 <nil>"},
		{"eval-job", "access", "return kong.request.get_header('X-A')", `"here" <nil>`},
		{"eval-job", "log", "return { path = kong.request.get_path(), list = { 1, 2 } }", `{"list":[1,2],"path":"/p"} <nil>`},
		{"eval-job", "log", "return", "null <nil>"},
		{"eval-job", "log", "return kong.response.get_status()", "200 <nil>"},
		{"eval-job", "header_filter", "return who .. '!'", `"me!" <nil>`},
		{"eval-job", "log", "kong.log.notice('from ', 'lua') return true", "true <nil>"},
		{"eval-job", "log", "return os.execute", "null <nil>"},
		{"eval-job", "log", "error('oh')", `null [string "error('oh')"]:1: oh`},
		{"eval-job", "log", "return (", `null [string "return ("]:1: unexpected symbol near '<eof>'`},
		{"eval-job", "access", "ngx.sleep(1) return 1", "may not wait"},
		{"eval-job", "access", "return kong.response.exit(200)", "may not answer"},
		{"eval-job", "body_filter", "return 1", "cannot be run in this phase"},
	} {
		t.Run(c.phase+" "+c.code, func(t *testing.T) {
			t.Parallel()
			config, _ := json.Marshal(map[string]any{"code": c.code, "phase": c.phase, "env": map[string]any{"who": "me"}})
			g, err := New(Options{Document: document + c.plugin + "\n      config: " + string(config), Plugins: []string{c.plugin}})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			for range 3 {
				x, err := g.Do(&Request{Path: "/p", Header: Header{{"X-A", "here"}}})
				if err != nil || x.Response == nil || x.Response.Status != 200 {
					t.Fatal(x, err)
				}
				if !x.Wait(func(x *Exchange) bool { return strings.Contains(fmt.Sprint(x.Log), c.want) }) {
					t.Fatalf("want %q, got %v", c.want, x.Log)
				}
			}
		})
	}
}

func TestCheckLua(t *testing.T) {
	start(t, `return { PRIORITY = 1, VERSION = "1.0.0" }`)
	if err := pdk.CheckLua("return 1"); err != nil {
		t.Error(err)
	}
	if err := pdk.CheckLua("return ("); err == nil || !strings.Contains(err.Error(), "unexpected symbol") {
		t.Error(err)
	}
}
