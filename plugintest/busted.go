package plugintest

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// busted runs one spec file; see the file itself.
//
//go:embed busted.lua
var busted string

// specBudget is how much processor time a spec file may use between two requests.
const specBudget = time.Minute

// session is a spec file that runs: what its operations find by number.
type session struct {
	place    *Place
	options  RunOptions
	gateways map[int]*Gateway
	next     int
}

var sessions = struct {
	sync.Mutex
	open map[int]*session
	last int
}{open: map[int]*session{}}

// The operations are there in every VM; without a session, which only a spec
// that runs has, they refuse.
func init() {
	for name, f := range map[string]func(*session, *lua.Call){
		"start": (*session).start, "request": (*session).request, "stop": (*session).stop,
		"wanted": (*session).wanted, "validate": (*session).validate,
	} {
		lua.RegisterOp("plugintest."+name, func(c *lua.Call) {
			sessions.Lock()
			s := sessions.open[c.Int(0)]
			sessions.Unlock()
			if s == nil {
				c.Fail("plugintest runs no spec")
				return
			}
			f(s, c)
		})
	}
}

// LuaSpecs are the files spec/*_spec.lua of the folder, sorted, those in
// folders below included (spec/NAME/01-unit_spec.lua).
func (p *Place) LuaSpecs() []string {
	var files []string
	_ = filepath.WalkDir(filepath.Join(p.Dir, "spec"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, "_spec.lua") {
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return files
}

// RunLua runs one spec file.
func (p *Place) RunLua(file string, o RunOptions) ([]*Result, error) {
	rt, err := lua.New(lua.Options{PackagePath: p.LuaPath + ";" + luaPath(p.Dir), TimeBudget: specBudget})
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	s := &session{place: p, options: o, gateways: map[int]*Gateway{}}
	sessions.Lock()
	sessions.last++
	number := sessions.last
	sessions.open[number] = s
	sessions.Unlock()
	defer func() {
		sessions.Lock()
		delete(sessions.open, number)
		sessions.Unlock()
		for _, g := range s.gateways {
			g.Close()
		}
	}()
	out, err := rt.Script("=busted", busted, float64(number), file)
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\nstack traceback:")
		return nil, errors.New(p.shown(text))
	}
	name, _ := filepath.Rel(p.Dir, file)
	var results []*Result
	for _, v := range list(out) {
		m, _ := v.(map[string]any)
		r := &Result{File: name, Line: int(number64(m["line"]))}
		r.Name, _ = m["name"].(string)
		r.Skipped, _ = m["skipped"].(string)
		if text, failed := m["failure"].(string); failed {
			r.Err = errors.New(p.shown(text))
		}
		results = append(results, r)
	}
	return results, nil
}

// list is the list that a script returned as its first value.
func list(out []any) []any {
	if len(out) == 0 {
		return nil
	}
	return listOf(out[0])
}

// listOf is a Lua list, nil for anything else.
func listOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case lua.Array:
		return v
	}
	return nil
}

func number64(v any) float64 {
	f, _ := v.(float64)
	return f
}

// wanted(session, name): whether the case is to run.
func (s *session) wanted(c *lua.Call) {
	c.Return(s.options.Run == nil || s.options.Run.MatchString(c.String(1)))
}

// start(session, setup): number of a gateway; nil, text
func (s *session) start(c *lua.Call) {
	m, _ := c.Value(1).(map[string]any)
	setup, overrides, named, err := setupOf(m)
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	name, err := s.place.Plugin(named)
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	g, err := s.open(name, setup, overrides)
	if err != nil {
		c.Return(nil, s.place.shown(err.Error()))
		return
	}
	s.next++
	s.gateways[s.next] = g
	c.Return(float64(s.next))
}

func (s *session) open(name string, setup *Setup, overrides map[string]string) (*Gateway, error) {
	settings, err := view(s.options, overrides)
	if err != nil {
		return nil, err
	}
	document, err := setup.document(name)
	if err != nil {
		return nil, err
	}
	return New(Options{Document: document, Plugins: setup.plugins(name), LuaPath: s.place.LuaPath, Settings: settings})
}

// stop(session, gateway)
func (s *session) stop(c *lua.Call) {
	if g := s.gateways[c.Int(1)]; g != nil {
		g.Close()
		delete(s.gateways, c.Int(1))
	}
	c.Return()
}

// request(session, gateway, request): the exchange as a table; nil, text
func (s *session) request(c *lua.Call) {
	g := s.gateways[c.Int(1)]
	m, ok := c.Value(2).(map[string]any)
	if g == nil || !ok {
		c.Return(nil, "request: want a table, and a gateway that runs")
		return
	}
	q, replies, err := requestOf(m)
	if err != nil {
		c.Return(nil, "request: "+err.Error())
		return
	}
	x, err := g.Do(q, replies...)
	if err == nil && x.Response == nil {
		err = fmt.Errorf("the connection was closed without a response: %w", x.Err)
	}
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	c.Return(s.exchange(x))
}

// exchange is x as a spec sees it.
func (s *session) exchange(x *Exchange) map[string]any {
	upstream, phases, log := []any{}, []any{}, []any{}
	for _, u := range x.Upstream {
		upstream = append(upstream, map[string]any{"method": u.Method, "path": u.Path, "headers": pairs(u.Header), "body": u.Body, "to": u.To})
	}
	for _, r := range x.Ran {
		phases = append(phases, r.Phase)
	}
	for _, l := range x.Log {
		log = append(log, s.place.shown(l.String()))
	}
	return map[string]any{"status": float64(x.Response.Status), "headers": pairs(x.Response.Header), "body": x.Response.Body,
		"upstream": upstream, "phases": phases, "log": log}
}

func pairs(h Header) []any {
	out := []any{}
	for _, f := range h {
		out = append(out, []any{f.Name, f.Value})
	}
	return out
}

// validate(session, plugin, config): true; or nil, the violations
func (s *session) validate(c *lua.Call) {
	config, _ := c.Value(2).(map[string]any)
	rt, err := lua.New(lua.Options{PackagePath: s.place.LuaPath, TimeBudget: handlerBudget})
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	defer rt.Close()
	p, err := rt.Load(c.String(1))
	if err != nil {
		c.Return(nil, s.place.shown(err.Error()))
		return
	}
	if config == nil {
		config = map[string]any{}
	}
	in, _ := schema.Normalize(map[string]any{"config": config}).(map[string]any)
	_, err = p.Config.Process(in, schema.Insert)
	var violations schema.Errors
	switch {
	case errors.As(err, &violations):
		c.Return(nil, tree(violations))
	case err != nil:
		c.Return(nil, err.Error())
	default:
		c.Return(true)
	}
}

// tree is violations as plain tables.
func tree(v any) any {
	switch v := v.(type) {
	case schema.Errors:
		out := map[string]any{}
		for k, e := range v {
			out[k] = tree(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = tree(e)
		}
		return out
	}
	return v
}

// setupOf reads the table that start is given.
func setupOf(m map[string]any) (s *Setup, settings map[string]string, name string, err error) {
	s, settings = &Setup{}, map[string]string{}
	for key, v := range m {
		switch key {
		case "plugin":
			name, _ = v.(string)
		case "config":
			s.Config, _ = v.(map[string]any)
		case "kong":
			s.Kong, _ = v.(map[string]any)
		case "global":
			b, _ := v.(bool)
			s.Global = &b
		case "settings":
			all, _ := v.(map[string]any)
			for k, e := range all {
				settings[k] = fmt.Sprint(e)
			}
		default:
			return nil, nil, "", fmt.Errorf("start: %q is not known; there are plugin, config, global, kong and settings", key)
		}
	}
	return s, settings, name, nil
}

// requestOf reads the table that request is given.
func requestOf(m map[string]any) (*Request, []*Response, error) {
	q := &Request{Method: text(m["method"]), Path: text(m["path"]), Body: text(m["body"]), Header: headerOf(m["headers"])}
	if q.Method == "" {
		q.Method = "GET"
	}
	q.TLS, _ = m["tls"].(bool)
	if c := text(m["client"]); c != "" {
		a, err := netip.ParseAddr(c)
		if err != nil {
			return nil, nil, err
		}
		q.Client = a
	}
	var replies []*Response
	all := listOf(m["upstream"])
	if all == nil && m["upstream"] != nil {
		all = []any{m["upstream"]}
	}
	for _, v := range all {
		r := &Response{}
		switch v := v.(type) {
		case float64:
			r.Status = int(v)
		case string:
			r.Down, r.Hangup = v == "down", v == "hangup"
		case map[string]any:
			r.Status, r.Body, r.Header = int(number64(v["status"])), text(v["body"]), headerOf(v["headers"])
		}
		replies = append(replies, r)
	}
	return q, replies, nil
}

func text(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// headerOf reads a table of names to a value or a list of values, in order of the names.
func headerOf(v any) Header {
	m, _ := v.(map[string]any)
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	var h Header
	for _, n := range names {
		if all := listOf(m[n]); all != nil {
			for _, e := range all {
				h = append(h, Field{n, text(e)})
			}
			continue
		}
		h = append(h, Field{n, text(m[n])})
	}
	return h
}

// RunAll runs the folder's spec.yml and its Lua specs.
func (p *Place) RunAll(o RunOptions) ([]*Result, error) {
	var results []*Result
	specs := p.LuaSpecs()
	table := isFile(filepath.Join(p.Dir, "spec.yml"))
	if !table && len(specs) == 0 {
		return nil, fmt.Errorf("%s has neither spec.yml nor spec/*_spec.lua: nothing to test", p.Dir)
	}
	if table {
		all, err := p.RunSpec(o)
		if err != nil {
			return nil, err
		}
		results = all
	}
	for _, file := range specs {
		all, err := p.RunLua(file, o)
		if err != nil { // the file does not load: that is a failure, and others may be fine
			name, _ := filepath.Rel(p.Dir, file)
			all = []*Result{{File: name, Line: 1, Name: name, Err: err}}
		}
		results = append(results, all...)
	}
	return results, nil
}

// Names is a pattern of cases (--run); "" picks all.
func Names(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	return regexp.Compile(pattern)
}
