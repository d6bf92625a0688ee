package plugintest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// Place is where a plugin under test lies.
type Place struct {
	// Dir is the folder that was named, with spec.yml and spec/.
	Dir string
	// Names are the Lua plugins found there.
	Names []string
	// LuaPath finds them, and other modules below Dir.
	LuaPath string
	// link is a folder of ours that stands for the one that Lua wants, "" without one.
	link string
}

// Find looks for plugins in dir. Three forms are known: handler.lua in dir
// itself (dir may stand anywhere, its name is the plugin's), a tree
// dir/kong/plugins/NAME/handler.lua, and a folder with a spec.yml alone that
// names a bundled plugin.
func Find(dir string) (*Place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if s, err := os.Stat(abs); err != nil || !s.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	p := &Place{Dir: abs}
	if isFile(filepath.Join(abs, "handler.lua")) {
		return p, p.single(filepath.Base(abs))
	}
	handlers, _ := filepath.Glob(filepath.Join(abs, "kong", "plugins", "*", "handler.lua"))
	for _, h := range handlers {
		p.Names = append(p.Names, filepath.Base(filepath.Dir(h)))
	}
	sort.Strings(p.Names)
	p.LuaPath = luaPath(abs)
	return p, nil
}

// single makes the one plugin in the folder itself findable for require.
func (p *Place) single(name string) error {
	p.Names = []string{name}
	if parent := filepath.Dir(p.Dir); filepath.Base(parent) == "plugins" && filepath.Base(filepath.Dir(parent)) == "kong" {
		p.LuaPath = luaPath(filepath.Dir(filepath.Dir(parent)))
		return nil
	}
	root, err := os.MkdirTemp("", "plugintest")
	if err != nil {
		return err
	}
	p.link = filepath.Join(root, "kong", "plugins", name)
	if err := os.MkdirAll(filepath.Dir(p.link), 0o755); err != nil {
		return err
	}
	p.LuaPath = luaPath(root) + ";" + luaPath(p.Dir)
	return os.Symlink(p.Dir, p.link)
}

// Close removes what Find made.
func (p *Place) Close() {
	if p.link != "" {
		_ = os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(p.link))))
	}
}

// Plugin is the plugin that a spec means: the one it names, else the only one there is.
func (p *Place) Plugin(named string) (string, error) {
	switch {
	case named != "":
		for _, n := range p.Names {
			if n == named {
				return named, nil
			}
		}
		if _, ok := plugin.Bundled(named); ok || slices.Contains(lua.Bundled, named) {
			return named, nil
		}
		return "", fmt.Errorf("plugin: %q is neither in %s nor bundled", named, p.Dir)
	case len(p.Names) == 1:
		return p.Names[0], nil
	case len(p.Names) == 0:
		return "", fmt.Errorf("%s has no handler.lua and no kong/plugins/NAME/handler.lua; for a bundled plugin, let spec.yml say `plugin: NAME`", p.Dir)
	}
	return "", fmt.Errorf("%s has several plugins (%s): let spec.yml say `plugin: NAME`", p.Dir, strings.Join(p.Names, ", "))
}

// shown is text with the paths of the link as they are in the plugin's folder.
func (p *Place) shown(text string) string {
	if p.link == "" {
		return text
	}
	return strings.ReplaceAll(text, p.link, p.Dir)
}

func luaPath(root string) string {
	return filepath.Join(root, "?.lua") + ";" + filepath.Join(root, "?", "init.lua")
}

func isFile(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.Mode().IsRegular()
}
