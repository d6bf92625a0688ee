// Package gibbon has no code of its own: this test keeps the rules of the house that no compiler keeps.
package gibbon

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gibbon-gateway/gibbon"

// floors are the folders from the top down: a package imports its own floor and the floors below it. proxy and
// control stand side by side and never see each other.
var floors = [][]string{
	{"cmd", "test", "demo", "docs"},
	{"gateway"},
	{"plugintest"},
	{"proxy", "control"},
	{"plugins"},
	{"plugin"},
	{"engine"},
	{"wire"},
	{"model"},
	{"observe"},
	{"version"},
}

// A plugin sees what a plugin of somebody else could see.
var pluginsMayImport = []string{"plugin", "plugin/pdk", "model", "observe", "plugins/shared", "version"}

func floorOf(t *testing.T, pkg string) int {
	top, _, _ := strings.Cut(pkg, "/")
	for i, names := range floors {
		for _, name := range names {
			if name == top {
				return i
			}
		}
	}
	t.Errorf("%s stands on no floor: put it on one in floors_test.go, or below a folder that has one", pkg)
	return 0
}

func TestImportsGoDown(t *testing.T) {
	for _, f := range sources(t) {
		floor := floorOf(t, f.pkg)
		for _, imported := range f.imports {
			if imported == "C" && f.pkg != "plugin/lua/luajit" {
				t.Errorf("%s uses cgo: only plugin/lua/luajit does", f.name)
			}
			below, ok := strings.CutPrefix(imported, module+"/")
			if !ok {
				continue
			}
			if to := floorOf(t, below); to < floor {
				t.Errorf("%s imports %s, which is a floor above", f.name, below)
			} else if to == floor && top(below) != top(f.pkg) && floor > 0 {
				t.Errorf("%s imports %s, which stands beside it", f.name, below)
			}
			if top(f.pkg) == "plugins" && strings.Contains(f.pkg, "/") && !allowedInPlugin(f.pkg, below) {
				t.Errorf("%s imports %s: a plugin imports only %s", f.name, below, strings.Join(pluginsMayImport, ", "))
			}
		}
	}
}

func top(pkg string) string { name, _, _ := strings.Cut(pkg, "/"); return name }

func allowedInPlugin(pkg, imported string) bool {
	if strings.HasPrefix(imported, pkg+"/") || imported == pkg { // a package below the plugin's own
		return true
	}
	for _, p := range pluginsMayImport {
		exact := p == "plugin" // what stands below it, the Lua runtime, is no business of a plugin's
		if imported == p || !exact && strings.HasPrefix(imported, p+"/") {
			return true
		}
	}
	return false
}

type source struct {
	name    string // path below the module's root
	pkg     string // its folder
	imports []string
}

// sources reads the imports of every non-test file, whatever its build constraints.
func sources(t *testing.T) []source {
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || name == "build") {
				return filepath.SkipDir
			}
			return nil
		}
		name = filepath.ToSlash(name)
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{name: name, pkg: path.Dir(name)}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("found no source files")
	}
	return all
}
