package plugintest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// Every spec.yml beside a bundled plugin, and that of the demo.
func TestBundledSpecs(t *testing.T) {
	specs, err := filepath.Glob("../plugins/*/spec.yml")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no specs found: %v", err)
	}
	for _, s := range append(specs, "../demo/kong/plugins/hello/spec.yml") {
		dir := filepath.Dir(s)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			Run(t, dir)
		})
	}
}

// A Lua plugin that wraps plugins in Go: their handlers and schemas are modules like any other.
func TestWrapper(t *testing.T) {
	Run(t, "testdata/wrapper")
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The examples of bundled Lua plugins' READMEs load (plugins/readme_test.go has those of Go plugins).
func TestBundledLuaExamples(t *testing.T) {
	for _, name := range lua.Bundled {
		text, err := os.ReadFile("../plugins/" + name + "/README.md")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, b := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			g, err := New(Options{Document: b[1], Plugins: []string{name}})
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, b[1])
				continue
			}
			g.Close()
		}
	}
}
