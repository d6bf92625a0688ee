package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every module that the code imports, and every Debian package that
// scripts/deps.sh installs, has its reason in why.md.
func TestDependenciesHaveReasons(t *testing.T) {
	page, err := os.ReadFile("why.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range imported(t) {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/why.md has no reason for the module %s", name)
		}
	}
	deps, err := os.ReadFile("../scripts/deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	groups := regexp.MustCompile(`(?m)^[a-z]+="([a-z0-9 .+-]+)"$`).FindAllStringSubmatch(string(deps), -1)
	if len(groups) < 3 {
		t.Fatal("no packages found in scripts/deps.sh")
	}
	for _, g := range groups {
		for _, name := range strings.Fields(g[1]) {
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/why.md has no reason for the Debian package %s", name)
			}
		}
	}
}

// imported are the modules of go.mod that some file of the tree imports.
func imported(t *testing.T) map[string]bool {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^(?:\t|require )(\S+) v\S+`).FindAllStringSubmatch(string(mod), -1) {
		modules = append(modules, m[1])
	}
	used := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			for _, m := range modules {
				if name := strings.Trim(spec.Path.Value, `"`); name == m || strings.HasPrefix(name, m+"/") {
					used[m] = true
				}
			}
		}
		return nil
	})
	if err != nil || len(used) == 0 {
		t.Fatal(used, err)
	}
	return used
}
