package plugins_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/control/declarative"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	_ "github.com/gibbon-gateway/gibbon/plugins"
)

// folders are the plugins that have one, "shared" excepted.
func folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*/schema.go")
	if err != nil || len(found) == 0 {
		t.Fatalf("no plugins found: %v", err)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

func TestEveryFolderIsBundled(t *testing.T) {
	for _, name := range folders(t) {
		if _, ok := plugin.Bundled(name); !ok {
			t.Errorf("plugins/%s is not imported by plugins/bundled.go, or registers another name", name)
		}
	}
}

// Every README names each field of its configuration, and no other.
func TestReadmeTables(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\|")
	for _, name := range folders(t) {
		p, _ := plugin.Bundled(name)
		text := readme(t, name)
		if !strings.Contains(text, fmt.Sprintf("priority %d", p.Priority)) {
			t.Errorf("%s: README does not tell priority %d", name, p.Priority)
		}
		_, section, _ := strings.Cut(text, "## Configuration")
		section, _, _ = strings.Cut(section, "\n## ")
		told := map[string]bool{}
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			told[m[1]] = true
		}
		config, ok := p.Config.Config()
		if !ok {
			t.Errorf("%s: no config record in the schema", name)
			continue
		}
		for path := range fieldsOf("", config.Fields) {
			if !told[path] {
				t.Errorf("%s: README has no row for %s", name, path)
			}
			delete(told, path)
		}
		for path := range told {
			t.Errorf("%s: README has a row for %s, which is no field", name, path)
		}
	}
}

// fieldsOf are the paths of fields; those of a record stand for it.
func fieldsOf(prefix string, fields []schema.Field) map[string]bool {
	paths := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		if f.Type != schema.Record {
			paths[prefix+f.Name] = true
			continue
		}
		for p := range fieldsOf(prefix+f.Name+".", f.Fields) {
			paths[p] = true
		}
	}
	return paths
}

// bundled gives the declarative loader the bundled plugins.
type bundled struct{}

func (bundled) Config(name string) (*schema.Schema, bool) {
	p, ok := plugin.Bundled(name)
	if !ok {
		return nil, false
	}
	return p.Config, true
}

// Every yaml block of every README is a configuration that loads.
func TestReadmeExamples(t *testing.T) {
	var owned []*schema.Schema
	for _, name := range plugin.BundledNames() {
		p, _ := plugin.Bundled(name)
		owned = append(owned, p.Entities...)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, name := range folders(t) {
		blocks := block.FindAllStringSubmatch(readme(t, name), -1)
		if len(blocks) == 0 {
			t.Errorf("%s: README has no yaml example", name)
		}
		for i, b := range blocks {
			if !strings.Contains(b[1], "name: "+name+"\n") && !strings.Contains(b[1], "name: "+name+",") {
				t.Errorf("%s: example %d does not use the plugin", name, i+1)
			}
			if _, err := declarative.Load([]byte(b[1]), declarative.Options{Plugins: bundled{}, Owned: owned}); err != nil {
				t.Errorf("%s: example %d: %v", name, i+1, err)
			}
		}
	}
}

func readme(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(name, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
