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

// boot is the runtime's own Lua code, which no require finds.
//
//go:embed boot
var boot embed.FS

// embedLibrary hands the library to C, once per process.
var embedLibrary = sync.OnceValue(func() error {
	modules := map[string]string{}
	err := fs.WalkDir(library, "lib", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".lua") {
			modules[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return err
	}
	names := make([]string, 0, len(modules))
	for n := range modules {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		source, err := library.ReadFile(modules[n])
		if err != nil {
			return err
		}
		luajit.Embed(n, source)
	}
	return nil
})

func moduleName(path string) string {
	if path == "lib/init.lua" { // no plugin's own module "init"
		return "gibbon.init"
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(path, "lib/"), ".lua"), "/init")
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
