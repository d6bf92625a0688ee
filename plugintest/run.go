package plugintest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// RunOptions say which cases run and how.
type RunOptions struct {
	// Run picks cases by name; nil = all.
	Run *regexp.Regexp
	// Settings makes the view of kong.conf's settings with some overridden; nil
	// shows the overridden ones alone.
	Settings func(overrides map[string]string) (func(name string) any, error)
}

// Result is what became of one case.
type Result struct {
	// File and Line where the case stands; Name of it.
	File string
	Line int
	Name string
	// Skipped is why it was not run, "" if it was.
	Skipped string
	// Problems are expectations that were not met, Err what kept the case from running.
	Problems []Problem
	Err      error
	// Transcript tells what happened: requests, responses, log lines.
	Transcript string
	Took       time.Duration
}

// Failed says whether the case failed.
func (r *Result) Failed() bool { return len(r.Problems) > 0 || r.Err != nil }

// Write reports the result; all: with the transcript, also when it passed.
func (r *Result) Write(w io.Writer, all bool) {
	switch {
	case r.Skipped != "":
		fmt.Fprintf(w, "skip  %s: %s\n", r.Name, r.Skipped)
		return
	case !r.Failed():
		fmt.Fprintf(w, "ok    %s (%d ms)\n", r.Name, r.Took.Milliseconds())
	default:
		fmt.Fprintf(w, "FAIL  %s (%s:%d)\n", r.Name, r.File, r.Line)
	}
	if r.Err != nil {
		fmt.Fprint(w, indent(r.Err.Error(), "      "))
	}
	for _, p := range r.Problems {
		fmt.Fprint(w, indent(p.String(), "      "))
	}
	if r.Transcript != "" && (all || r.Failed()) {
		fmt.Fprint(w, indent(r.Transcript, "    | "))
	}
}

// RunSpec runs the cases of p's spec.yml.
func (p *Place) RunSpec(o RunOptions) ([]*Result, error) {
	file := filepath.Join(p.Dir, "spec.yml")
	spec, err := ReadSpec(file)
	if err != nil {
		return nil, err
	}
	name, err := p.Plugin(spec.Plugin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	clean, err := lua.New(lua.Options{})
	if err != nil {
		return nil, err
	}
	defer clean.Close()
	var results []*Result
	failure := "" // what the last case that did not run failed with
	for _, c := range spec.Cases {
		if o.Run != nil && !o.Run.MatchString(c.Name) {
			continue
		}
		r := &Result{File: "spec.yml", Line: c.line, Name: c.Name, Skipped: c.Skip}
		results = append(results, r)
		if c.Skip == "" {
			began := time.Now()
			// the dictionaries are the process's, but what a case left is no other's
			if _, err := clean.Script("=plugintest", `for _, d in pairs(ngx.shared) do d:flush_all() end`); err != nil {
				return nil, err
			}
			p.run(r, name, spec, c, o)
			r.Took = time.Since(began)
			if r.Err != nil && r.Err.Error() == failure { // a plugin that does not load fails every case: one text is enough
				r.Err = errSame
			} else if r.Err != nil {
				failure = r.Err.Error()
			}
		}
	}
	return results, nil
}

var errSame = errors.New("the same as above")

// run runs one case with a gateway of its own.
func (p *Place) run(r *Result, name string, spec *Spec, c *Case, o RunOptions) {
	settings, err := view(o, spec.Settings)
	if err != nil {
		r.Err = err
		return
	}
	setup := merge(&spec.Setup, &c.Setup)
	document, err := setup.document(name)
	if err != nil {
		r.Err = err
		return
	}
	g, err := New(Options{Document: document, Plugins: setup.plugins(name), LuaPath: p.LuaPath, Settings: settings})
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		r.refused(c.Refused, refused)
		return
	case err != nil:
		r.Err = errors.New(p.shown(err.Error()))
		return
	}
	defer g.Close()
	if c.Refused != nil {
		r.Problems = append(r.Problems, Problem{Where: "refused", Want: "a configuration that the schema refuses", Got: "it is accepted"})
		return
	}
	for i, s := range c.steps() {
		at := ""
		if len(c.Steps) > 0 {
			at = fmt.Sprintf("step %d (line %d): ", i+1, s.line)
		}
		problems, err := p.step(r, g, name, s)
		for _, x := range problems {
			x.Where = at + x.Where
			r.Problems = append(r.Problems, x)
		}
		if err != nil {
			r.Err = fmt.Errorf("%s%w", at, err)
		}
		if r.Failed() {
			return
		}
	}
}

// view is the settings that the plugin sees.
func view(o RunOptions, overrides map[string]string) (func(string) any, error) {
	if o.Settings != nil {
		return o.Settings(overrides)
	}
	return func(name string) any {
		v, ok := overrides[name]
		if !ok {
			return nil
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f
		}
		return v
	}, nil
}

// step sends one request and compares.
func (p *Place) step(r *Result, g *Gateway, name string, s *Step) ([]Problem, error) {
	q, err := s.Request.request()
	if err != nil {
		return nil, err
	}
	var replies []*Response
	for _, spec := range s.Upstream {
		reply, err := spec.response()
		if err != nil {
			return nil, fmt.Errorf("upstream: %w", err)
		}
		replies = append(replies, reply)
	}
	x, err := g.Do(q, replies...)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	x.Wait(func(x *Exchange) bool {
		problems = s.Expect.compare(x, name)
		return len(problems) == 0
	})
	r.Transcript += p.shown(transcript(q, x))
	return problems, nil
}

// refused compares a refusal.
func (r *Result) refused(want map[string]Want, got *Refused) {
	if want == nil {
		r.Err = fmt.Errorf("the configuration is refused:\n%s", got.Text)
		return
	}
	paths := map[string]bool{}
	for p := range want {
		paths[p] = true
	}
	for p := range got.Fields {
		paths[p] = true
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		w := want[p]
		if text := oneText(got.Fields[p]); !w.ok(text) {
			r.Problems = append(r.Problems, Problem{Where: "refused." + p, Want: w.String(), Got: shownValues(text)})
		}
	}
}

// transcript tells an exchange from the client's side inwards.
func transcript(q *Request, x *Exchange) string {
	var b strings.Builder
	b.WriteString(indent(q.String(), "> "))
	for _, u := range x.Upstream {
		b.WriteString(indent(u.String(), "    > "))
	}
	if x.Response != nil {
		b.WriteString(indent(x.Response.String(), "< "))
	}
	if x.Err != nil {
		fmt.Fprintf(&b, "< (%v)\n", x.Err)
	}
	for _, l := range x.Log {
		if l.Level != "debug" && l.Level != "info" || strings.HasPrefix(l.Message, "[kong]") {
			b.WriteString("log " + l.String() + "\n")
		}
	}
	return b.String()
}

// T is the part of *testing.T that Run needs.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run runs, for go test, the cases of dir that `gibbon plugin test dir` would run.
func Run(t T, dir string) {
	t.Helper()
	p, err := Find(dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer p.Close()
	results, err := p.RunAll(RunOptions{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, r := range results {
		var b strings.Builder
		r.Write(&b, false)
		if r.Failed() {
			t.Errorf("%s", b.String())
		} else {
			t.Logf("%s", b.String())
		}
	}
}
