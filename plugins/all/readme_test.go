package all_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	_ "github.com/gibbon-gateway/gibbon/plugins/all"
)

// Every bundled plugin's README names each field of its configuration, and no other.
func TestReadmeTables(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\|")
	for _, name := range plugin.BundledNames() {
		p, _ := plugin.Bundled(name)
		text, err := os.ReadFile(filepath.Join("..", name, "README.md"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(string(text), fmt.Sprintf("priority %d", p.Priority)) {
			t.Errorf("%s: README does not tell priority %d", name, p.Priority)
		}
		section, _, _ := strings.Cut(after(string(text), "## Configuration"), "\n## ")
		told := map[string]bool{}
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			told[m[1]] = true
		}
		config, ok := p.Config.Config()
		if !ok {
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

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}
