package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/test/process"

	// The binary under test is built from them: without these lines go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	_ "github.com/gibbon-gateway/gibbon/plugintest"
)

var (
	fence = regexp.MustCompile("(?ms)^```([a-z]+)(?: file=(\\S+))?\n(.*?)^```$")
	took  = regexp.MustCompile(`\(\d+ ms\)`)
)

// Every block of write-a-plugin.md with a file is written, every command is run, in order, and prints what the page says.
func TestWriteAPlugin(t *testing.T) {
	page, err := os.ReadFile("write-a-plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if _, err := process.Build(bin, "github.com/gibbon-gateway/gibbon/cmd/gibbon"); err != nil {
		t.Fatal(err)
	}
	dir, files, commands := t.TempDir(), 0, 0
	for _, m := range fence.FindAllStringSubmatch(string(page), -1) {
		switch {
		case m[2] != "":
			files++
			path := filepath.Join(dir, m[2])
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(m[3]), 0o644); err != nil {
				t.Fatal(err)
			}
		case m[1] == "console":
			commands += console(t, dir, bin, m[3])
		default:
			t.Errorf("a block of %s has neither a file nor commands:\n%s", m[1], m[3])
		}
	}
	if files < 8 || commands < 5 {
		t.Errorf("%d files and %d commands: are blocks overlooked?", files, commands)
	}
	goPlugin(t, root, filepath.Join(dir, "tag"))
}

// console runs the lines that begin with "$ " and compares what they print.
func console(t *testing.T, dir, bin, text string) (commands int) {
	t.Helper()
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(part, "\n")
		commands++
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		clean := func(s string) string { return strings.TrimSpace(took.ReplaceAllString(s, "(… ms)")) }
		if err != nil || clean(string(out)) != clean(want) {
			t.Errorf("%s: %v\n%s\nthe page says\n%s", command, err, out, want)
		}
	}
	return commands
}

// goPlugin tests the page's Go plugin as a module of its own that requires this one.
func goPlugin(t *testing.T, root, dir string) {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/gibbon-gateway/gibbon"
	text := strings.Replace(string(mod), "module "+module, "module "+module+"/plugins/tag", 1)
	text += fmt.Sprintf("\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %[2]s\n", module, root)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"go.mod": []byte(text), "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-mod=mod", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the Go plugin: %v\n%s", err, out)
	}
}
