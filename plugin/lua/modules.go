package lua

import (
	"embed"
	"io/fs"
	"sort"
	"strings"
)

// Module is a Lua module that the binary brings and plugins may require.
type Module struct {
	// Name is what require is given.
	Name string
	// Doc is the first sentence of the comment at its head, without the name; "" if it has none.
	Doc string
	// UserFirst: a module of that name on the Lua path goes before it.
	UserFirst bool
}

// Modules are all modules of the binary but the runtime's own (gibbon.*), by name.
func Modules() []Module {
	var list []Module
	for root, from := range map[string]embed.FS{"lib": library, "extra": extra} {
		_ = fs.WalkDir(from, root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".lua") {
				return err
			}
			name := moduleName(strings.TrimPrefix(path, root+"/"))
			if name != "gibbon" && !strings.HasPrefix(name, "gibbon.") {
				b, _ := from.ReadFile(path)
				list = append(list, Module{name, moduleDoc(name, string(b)), root == "extra"})
			}
			return nil
		})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// moduleDoc is the first sentence of a source's first comment.
func moduleDoc(name, source string) string {
	var words []string
	for _, line := range strings.Split(source, "\n") {
		text, ok := strings.CutPrefix(line, "--")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(text))
	}
	text := strings.Join(words, " ")
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, name), ":"))
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSuffix(text, ".")
}
