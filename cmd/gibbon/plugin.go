package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/plugintest"
)

var pluginVerb = verb{
	name: "plugin", short: "Make and test plugins",
	long: "test runs the cases of FOLDER/spec.yml and FOLDER/spec/*_spec.lua in this process: no\n" +
		"ports, no database. FOLDER (default: .) has handler.lua, or kong/plugins/NAME/handler.lua. The\n" +
		"exit status is 1 when a case fails. docs/write-a-plugin.md says how to write cases.\n" +
		"new makes the folder NAME with a plugin to start from, and its cases.",
	args: "[FOLDER | NAME]",
	subs: []sub{{"test [FOLDER]", "run a plugin's cases"}, {"new NAME", "write a plugin to start from"}},
	flags: []flagRow{
		{"run", "r", isText, "REGEXP", "run only cases whose name matches", ""}},
	run: func(x *call) error {
		if len(x.args) > 2 {
			return fmt.Errorf("plugin %s takes one argument, got %s", x.args[0], strings.Join(x.args[1:], " "))
		}
		if x.args[0] == "new" {
			return newPlugin(x)
		}
		return testPlugin(x)
	},
}

func newPlugin(x *call) error {
	if len(x.args) < 2 {
		return errors.New("plugin new: the plugin needs a name: gibbon plugin new NAME")
	}
	parent, name := filepath.Split(x.args[1])
	files, err := plugintest.WriteSkeleton(filepath.Clean(parent), name)
	for _, f := range files {
		fmt.Fprintln(x.out, f)
	}
	if err == nil {
		fmt.Fprintf(x.out, "\nTest it: gibbon plugin test %s\n", x.args[1])
	}
	return err
}

func testPlugin(x *call) error {
	dir := "."
	if len(x.args) > 1 {
		dir = x.args[1]
	}
	run, err := plugintest.Names(x.flags["run"])
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	p, err := plugintest.Find(dir)
	if err != nil {
		return err
	}
	defer p.Close()
	results, err := p.RunAll(plugintest.RunOptions{Run: run, Settings: pluginSettings})
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		r.Write(x.out, x.verbose > 0)
		if r.Failed() {
			failed++
		}
	}
	switch {
	case len(results) == 0:
		return fmt.Errorf("no case matches %q", x.flags["run"])
	case failed > 0:
		fmt.Fprintf(x.out, "FAIL  %d of %d cases\n", failed, len(results))
		return exitStatus(1)
	}
	fmt.Fprintf(x.out, "PASS  %d cases\n", len(results))
	return nil
}

// pluginSettings are the settings that a plugin under test sees: the defaults
// and those of the spec, not the environment's.
func pluginSettings(overrides map[string]string) (func(string) any, error) {
	r := conf.Request{Flags: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		r.Environ = append(r.Environ, "KONG_"+strings.ToUpper(name)+"="+overrides[name])
	}
	c, _, err := r.Load()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return c.Raw, nil
}
