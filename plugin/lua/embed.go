package lua

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// library is the Lua side of the runtime: what require finds before it looks
// at the user's path. lib/a/b.lua is module a.b, lib/a/init.lua is a,
// and lib/init.lua, which sets the globals up, is gibbon.init.
//
//go:embed all:lib
var library embed.FS

// extra is what public plugins require beside that and the reference does not
// ship, or ships in another version than they were written for: a copy on the
// user's path goes before it.
//
//go:embed all:extra
var extra embed.FS

// boot is the runtime's own Lua code, which no require finds.
//
//go:embed boot
var boot embed.FS

// embedLibrary hands the library to C, once per process.
var embedLibrary = sync.OnceValue(func() error {
	type module struct {
		path string
		from fs.ReadFileFS
	}
	modules := map[string]module{}
	for root, from := range map[string]embed.FS{"lib": library, "extra": extra} {
		err := fs.WalkDir(from, root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".lua") {
				modules[moduleName(strings.TrimPrefix(path, root+"/"))] = module{path, from}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	names := make([]string, 0, len(modules))
	for n := range modules {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		m := modules[n]
		source, err := m.from.ReadFile(m.path)
		if err != nil {
			return err
		}
		luajit.Embed(n, source, strings.HasPrefix(m.path, "extra/"))
	}
	return nil
})

// moduleName is the name of the module at path, which begins below its root.
func moduleName(path string) string {
	if path == "init.lua" { // no plugin's own module "init"
		return "gibbon.init"
	}
	name := strings.TrimSuffix(strings.TrimSuffix(path, ".lua"), "/init")
	return strings.ReplaceAll(name, "/", ".")
}

// bootSource is a file of the runtime's own code.
func bootSource(name string) string {
	b, err := boot.ReadFile("boot/" + name)
	if err != nil {
		panic(err) // the file is part of the binary
	}
	return string(b)
}
