package main

import (
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed rows.tsv
var rowsTSV string

// row is one statement.
type row struct {
	number                int
	kind, item, statement string
}

// rows are the statements in order.
func rows() []row {
	var all []row
	for _, line := range strings.Split(strings.TrimSpace(rowsTSV), "\n")[1:] {
		c := strings.Split(line, "\t")
		n, _ := strconv.Atoi(c[0])
		all = append(all, row{n, c[1], c[2], c[3]})
	}
	return all
}

// covering is a test that names a row.
type covering struct {
	name, file string // file below the module's root
	note       string // "as recorded, …"
}

var mark = regexp.MustCompile(`Documented rows? ([0-9]+(?:(?:-|, | and )[0-9]+)*)[.:]?(?:[^\n]*?([Aa]s recorded[^\n]*|[Ll]ifted[^\n]*))?`)

// tests finds the tests that name rows, by row.
func tests(root string) (map[int][]covering, error) {
	found := map[int][]covering{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Doc != nil && strings.HasPrefix(f.Name.Name, "Test") {
				for _, m := range mark.FindAllStringSubmatch(f.Doc.Text(), -1) {
					for _, n := range numbers(m[1]) {
						found[n] = append(found[n], covering{f.Name.Name, filepath.ToSlash(rel), strings.TrimSpace(m[2])})
					}
				}
			}
		}
		return err
	})
	if len(found) == 0 && err == nil {
		err = errors.New("no test names a documented row: is this the module's root?")
	}
	return found, err
}

// numbers reads "7-10, 56 and 60".
func numbers(list string) []int {
	var all []int
	for _, part := range strings.Split(strings.ReplaceAll(list, " and ", ", "), ", ") {
		from, to, isRange := strings.Cut(part, "-")
		a, _ := strconv.Atoi(from)
		b := a
		if isRange {
			b, _ = strconv.Atoi(to)
		}
		for n := a; n <= b; n++ {
			all = append(all, n)
		}
	}
	return all
}

// required says whether a row has to have a test: the functions of
// kong.response and the handlers' phases.
func (r row) required() bool {
	return 12 <= r.number && r.number <= 61 && (r.kind == "function" || r.kind == "phase")
}

// untested are rows without a test of their own, and why.
var untested = map[int]string{
	68: "nothing to test: about versions", 83: "nothing to test: it says what the rest shows", 231: "nothing to test: about versions",
}

// markdown makes the page.
func markdown(root string) (string, error) {
	found, err := tests(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# Documented statements and their tests\n\n" +
		"Made by `go run ./docs/coverage > docs/coverage.md` from the comments of the tests (\"Documented row 13\") and\n" +
		"[docs/coverage/rows.tsv](coverage/rows.tsv), what the reference's documentation says about `kong.response`, handlers, WebSocket frames and\n" +
		"`ngx.req.socket`. Where the recorded behaviour differs from a statement, the recording wins and the note says so.\n\n" +
		"| row | kind | item | statement | tests |\n|---|---|---|---|---|\n")
	with := 0
	for _, r := range rows() {
		cell := untested[r.number]
		if all := found[r.number]; len(all) > 0 {
			with++
			cell = cells(all)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", r.number, r.kind, escape(r.item), escape(r.statement), cell)
	}
	fmt.Fprintf(&b, "\n%d of %d statements have a named test.\n", with, len(rows()))
	return b.String(), nil
}

func cells(all []covering) string {
	var parts []string
	for _, c := range all {
		text := fmt.Sprintf("[%s](../%s)", c.name, c.file)
		if c.note != "" {
			text += " (" + strings.TrimSuffix(c.note, ".") + ")"
		}
		if !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

func escape(s string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s) }
