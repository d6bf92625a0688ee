package docs

import (
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
	_ "github.com/gibbon-gateway/gibbon/plugins"
)

// The page lists the bundled plugins, all of them and no other.
func TestBundledPluginsAreListed(t *testing.T) {
	page, err := os.ReadFile("differences-from-kong.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(page), "- Bundled plugins other than these: ")
	if !ok {
		t.Fatal("differences-from-kong.md has no list of bundled plugins")
	}
	list, _, _ = strings.Cut(list, ".\n")
	names := append(plugin.BundledNames(), lua.Bundled...)
	sort.Strings(names)
	if want := strings.Join(names, ", "); strings.Join(strings.Fields(list), " ") != want {
		t.Errorf("differences-from-kong.md lists\n%s\nthere are\n%s", list, want)
	}
}
