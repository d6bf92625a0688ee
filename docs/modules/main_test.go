package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

func TestPageIsCurrent(t *testing.T) {
	b, err := os.ReadFile("../lua-modules.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != page() {
		t.Error("docs/lua-modules.md is not what the library says: go run ./docs/modules > docs/lua-modules.md")
	}
}

func TestModulesSayWhatTheyAre(t *testing.T) {
	for _, m := range lua.Modules() {
		if m.Doc == "" {
			t.Errorf("%s has no comment at its head", m.Name)
		}
	}
}

// The packages of the table are those that scripts/deps.sh installs.
func TestPackagesAreInstalled(t *testing.T) {
	b, err := os.ReadFile("../../scripts/deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	group := regexp.MustCompile(`(?m)^lua="(.*)"$`).FindSubmatch(b)
	if group == nil {
		t.Fatal("scripts/deps.sh has no group lua")
	}
	var names []string
	for _, p := range installed {
		names = append(names, p.pkg)
	}
	if got := strings.Join(names, " "); got != string(group[1]) {
		t.Errorf("the table has %s\nscripts/deps.sh %s", got, group[1])
	}
}

// listed says whether the page knows where a module comes from.
func listed(name string) bool {
	for _, m := range lua.Modules() {
		if m.Name == name {
			return true
		}
	}
	for _, m := range strings.Fields("bit ffi jit ngx math string table string.buffer table.new table.clear table.nkeys table.isempty table.clone cjson cjson.safe kong.pdk") {
		if m == name {
			return true
		}
	}
	lists := append([]string{}, missing...)
	for _, p := range installed {
		lists = append(lists, p.modules)
	}
	for _, p := range optional {
		lists = append(lists, p.modules)
	}
	for _, p := range own {
		lists = append(lists, p.modules)
	}
	for _, l := range lists {
		for _, m := range strings.Split(l, ", ") {
			m, _, _ = strings.Cut(m, " ")
			m = strings.ReplaceAll(m, "NAME", "")
			if prefix, star := strings.CutSuffix(strings.ReplaceAll(m, "..", "."), "*"); m == name || star && strings.HasPrefix(name, strings.TrimSuffix(prefix, ".")) {
				return true
			}
		}
	}
	return false
}

// Every module that a public plugin requires is on the page.
func TestPublicPluginsModulesAreListed(t *testing.T) {
	b, err := os.ReadFile("testdata/required.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if name, _, _ := strings.Cut(l, "\t"); name[0] != '#' && !listed(name) {
			t.Errorf("docs/lua-modules.md does not say where %s comes from", name)
		}
	}
}
