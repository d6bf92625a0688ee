package plugintest

import (
	"path/filepath"
	"strings"
	"testing"
)

const oneCase = "cases:\n- {name: a, request: GET /, expect: {response: 200}}\n"

// Every form of a folder with a plugin.
func TestFind(t *testing.T) {
	sub := map[string]string{"handler.lua": `local m = require "kong.plugins.echo.sub" ` + echo, "schema.lua": echoSchema, "sub.lua": "return {}"}
	with := func(prefix string, more map[string]string) map[string]string {
		files := map[string]string{}
		for f, text := range sub {
			files[prefix+f] = text
		}
		for f, text := range more {
			files[f] = text
		}
		return files
	}
	for _, c := range []struct {
		name, folder string
		files        map[string]string
		want         string // part of the error, "" = it runs
	}{
		{"the folder itself", "echo", with("", map[string]string{"spec.yml": oneCase}), ""},
		{"a repository", "kong-plugin-echo", with("kong/plugins/echo/", map[string]string{"spec.yml": oneCase}), ""},
		{"a folder among others", "kong/plugins/echo", with("", map[string]string{"spec.yml": oneCase}), ""},
		{"a bundled one", "any", map[string]string{"spec.yml": "plugin: correlation-id\n" + oneCase}, ""},
		{"none", "any", map[string]string{"spec.yml": oneCase}, "has no handler.lua"},
		{"no cases", "echo", with("", nil), "neither spec.yml nor spec/*_spec.lua"},
		{"an unknown name", "any", map[string]string{"spec.yml": "plugin: foo\n" + oneCase}, "neither in"},
		{"several", "any", with("kong/plugins/echo/", map[string]string{"kong/plugins/b/handler.lua": "", "spec.yml": oneCase}), "has several plugins (b, echo)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, c.folder, c.files)
			p, err := Find(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			all, err := p.RunAll(RunOptions{})
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("want %q, got %v", c.want, err)
				}
			case err != nil:
				t.Error(err)
			case len(all) != 1 || all[0].Failed():
				t.Errorf("%+v", all[0])
			}
		})
	}
	if _, err := Find(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a folder that is not there is found")
	}
}

// What is wrong with a plugin is told with the file as it lies, not as Lua found it.
func TestBrokenPlugin(t *testing.T) {
	dir := folder(t, "echo", map[string]string{"handler.lua": "return {", "schema.lua": echoSchema, "spec.yml": oneCase})
	r := results(t, dir)[0]
	if r.Err == nil || !strings.Contains(r.Err.Error(), filepath.Join(dir, "handler.lua")+":1:") {
		t.Errorf("%v", r.Err)
	}
}

// A schema without a name is refused, with its file.
func TestSchemaWithoutName(t *testing.T) {
	dir := folder(t, "echo", map[string]string{"handler.lua": echo, "schema.lua": "return { fields = {} }", "spec.yml": oneCase})
	r := results(t, dir)[0]
	if r.Err == nil || !strings.Contains(r.Err.Error(), filepath.Join(dir, "schema.lua")+": the schema has no name") {
		t.Errorf("%v", r.Err)
	}
}

func TestSkeleton(t *testing.T) {
	parent := t.TempDir()
	files, err := WriteSkeleton(parent, "my-plugin")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	Run(t, filepath.Join(parent, "my-plugin"))
	if _, err := WriteSkeleton(parent, "my-plugin"); err == nil {
		t.Error("an existing folder is overwritten")
	}
	for _, bad := range []string{"", "My", "a/b", "..", "a b", "-a"} {
		if _, err := WriteSkeleton(parent, bad); err == nil {
			t.Errorf("%q is taken for a name", bad)
		}
	}
}
