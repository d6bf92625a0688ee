package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page tells every step of proxy/serve.go in order, and no other.
func TestLifeOfARequest(t *testing.T) {
	source, err := os.ReadFile("../proxy/serve.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("life-of-a-request.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := regexp.MustCompile(`(?m)^\t(step[A-Z]\w+)`).FindAllStringSubmatch(string(source), -1)
	if len(steps) < 5 {
		t.Fatal("no steps found in proxy/serve.go")
	}
	var want, told []string
	for _, s := range steps {
		if s[1] != "stepEnd" {
			want = append(want, s[1])
		}
	}
	for _, s := range regexp.MustCompile(`(?m)^\*\*(step\w+)\.\*\*`).FindAllStringSubmatch(string(page), -1) {
		told = append(told, s[1])
	}
	if strings.Join(want, " ") != strings.Join(told, " ") {
		t.Errorf("the page tells\n%v\nserve.go has\n%v", told, want)
	}
	chart, _, _ := strings.Cut(string(page), "## Step by step")
	for _, s := range want {
		if !strings.Contains(chart, s+" ") {
			t.Errorf("the chart has no %s", s)
		}
	}
}
