package plugintest

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// skeleton is a plugin that works and passes its tests; NAME stands for its name.
//
//go:embed skeleton
var skeleton embed.FS

var pluginName = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)

// WriteSkeleton makes the folder parent/name with a plugin to start from and
// gives the files written. It overwrites nothing.
func WriteSkeleton(parent, name string) ([]string, error) {
	if !pluginName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name for a plugin: use lower-case letters and digits, with - or _ between", name)
	}
	dir := filepath.Join(parent, name)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s is there already: nothing was written", dir)
	} else if err != nil {
		return nil, err
	}
	files, err := skeleton.ReadDir("skeleton")
	if err != nil {
		return nil, err
	}
	var written []string
	for _, f := range files {
		text, err := skeleton.ReadFile("skeleton/" + f.Name())
		if err != nil {
			return written, err
		}
		path := filepath.Join(dir, f.Name())
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "NAME", name)), 0o644); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}
