// Package docs has no code: its tests keep the documents true.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	makeWord = regexp.MustCompile("(?m)(?:`|^    )make ([a-z]+)")
	target   = regexp.MustCompile(`(?m)^([a-z]+):`)
)

// documents are the module's Markdown files, recorded cases aside.
func documents(t *testing.T) map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[path] = string(b)
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d documents, %v", len(all), err)
	}
	return all
}

func TestLinks(t *testing.T) {
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
	}
}

func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		known[m[1]] = true
	}
	for path, text := range documents(t) {
		for _, m := range makeWord.FindAllStringSubmatch(text, -1) {
			if !known[m[1]] {
				t.Errorf("%s names make %s, which the Makefile has not", path, m[1])
			}
		}
	}
}
