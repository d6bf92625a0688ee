package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What `gibbon plugin …` prints and its exit status.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	plugin := filepath.Join(dir, "mine")
	for _, c := range []struct {
		words  string
		status int
		want   string // part of what is printed
		before func()
	}{
		{"plugin", 1, "test [FOLDER]", nil},
		{"plugin frobnicate", 1, "No such command for plugin: frobnicate", nil},
		{"plugin new", 1, "the plugin needs a name", nil},
		{"plugin new " + filepath.Join(dir, "No Good"), 1, "takes one argument", nil},
		{"plugin new " + filepath.Join(dir, "Mine"), 1, "is no name for a plugin", nil},
		{"plugin new " + plugin, 0, "gibbon plugin test " + plugin, nil},
		{"plugin new " + plugin, 1, "is there already", nil},
		{"plugin test " + plugin, 0, "PASS  3 cases", nil},
		{"plugin test -v --run service " + plugin, 0, "| < X-Bye: bye", nil},
		{"plugin test --run nothing-like-it " + plugin, 1, "no case matches", nil},
		{"plugin test --run ( " + plugin, 1, "--run: error parsing regexp", nil},
		{"plugin test " + filepath.Join(dir, "absent"), 1, "is not a folder", nil},
		{"plugin test " + dir, 1, "nothing to test", nil},
		{"plugin test " + plugin, 1, "FAIL  1 of 2 cases", func() {
			write(t, filepath.Join(plugin, "spec.yml"), "settings: {real_ip_header: X-Me}\ncases:\n- {name: a, request: GET /, expect: {response: 200}}\n- {name: b, request: GET /, expect: {response: 201}}\n")
		}},
		{"plugin test " + plugin, 1, "settings: log_level", func() {
			write(t, filepath.Join(plugin, "spec.yml"), "settings: {log_level: loud}\ncases:\n- {name: a, request: GET /}\n")
		}},
	} {
		if c.before != nil {
			c.before()
		}
		var out, errs bytes.Buffer
		status := run(strings.Fields(c.words), nil, &out, &errs)
		if text := out.String() + errs.String(); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("gibbon %s: status %d, want %d and %q in\n%s", c.words, status, c.status, c.want, text)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
