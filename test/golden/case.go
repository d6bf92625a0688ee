package golden

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"golang.org/x/tools/txtar"
)

// Case is one recorded behaviour: the archive's files and the steps to play, in their order.
type Case struct {
	ID    string // area/name, the path below the folder of cases without its ending
	files map[string][]byte
	steps []step
}

// step is one request (or exchange) of a case, with the words of its N.options.
type step struct {
	n    string
	opts options
}

var stepFile = regexp.MustCompile(`^(\d+)\.(request|stream|cli)$`)

// Load reads all cases below root, sorted by ID.
func Load(root string) ([]*Case, error) {
	var cases []*Case
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".txtar") {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		cases = append(cases, parseCase(strings.TrimSuffix(filepath.ToSlash(rel), ".txtar"), data))
		return nil
	})
	sort.Slice(cases, func(i, j int) bool { return cases[i].ID < cases[j].ID })
	return cases, err
}

func parseCase(id string, data []byte) *Case {
	c := &Case{ID: id, files: map[string][]byte{}}
	archive := txtar.Parse(data)
	for _, f := range archive.Files {
		c.files[f.Name] = f.Data
	}
	for _, f := range archive.Files {
		if m := stepFile.FindStringSubmatch(f.Name); m != nil {
			c.steps = append(c.steps, step{m[1], parseOptions(c.files[m[1]+".options"])})
		}
	}
	return c
}

// Area is the folder of the case: routing, pdk/response.
func (c *Case) Area() string { return path.Dir(c.ID) }

// Unsupported says why this runner cannot play the case, "" if it can.
func (c *Case) Unsupported() string {
	for name := range c.files {
		switch {
		case name == "database":
			return "needs a database"
		case name == "enable":
			return "needs plugins from outside"
		case strings.HasSuffix(name, ".cli"):
			return "has steps for the command line"
		}
	}
	if c.mentions("{{redis_port}}") {
		return "needs Redis"
	}
	return ""
}

func (c *Case) has(file string) bool { _, ok := c.files[file]; return ok }

// mentions says whether any file of the case holds the text.
func (c *Case) mentions(text string) bool {
	for _, b := range c.files {
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// uses says whether any step has that word among its options.
func (c *Case) uses(word string) bool {
	for _, s := range c.steps {
		if s.opts.has(word) {
			return true
		}
	}
	return false
}

// plugins are the names of the case's own plugins, sorted.
func (c *Case) plugins() []string {
	seen := map[string]bool{}
	var names []string
	for name := range c.files {
		if rest, ok := strings.CutPrefix(name, "plugins/"); ok {
			plugin, _, _ := strings.Cut(rest, "/")
			if !seen[plugin] {
				seen[plugin] = true
				names = append(names, plugin)
			}
		}
	}
	sort.Strings(names)
	return names
}

// unpack writes the configuration, plugins and other files below dir, with placeholders filled in.
func (c *Case) unpack(dir string, expand func([]byte) []byte) error {
	for name, b := range c.files {
		dst := name
		if rest, ok := strings.CutPrefix(name, "files/"); ok {
			dst = rest
		} else if strings.HasPrefix(name, "plugins/") {
			dst = "kong/" + name
		} else if name != "kong.yml" {
			continue
		}
		dst = filepath.Join(dir, filepath.FromSlash(dst))
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(dst, expand(b), 0o644); err != nil {
			return err
		}
	}
	return nil
}
