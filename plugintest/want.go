package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Want is what a text should be: a scalar (that text), a list (these values,
// in order), null (absent), or a mapping with one of matches (a regular
// expression, RE2), contains and not.
type Want struct {
	texts []string
	forms []form
}

// form is one member of a mapping.
type form struct {
	name, text string
	re         *regexp.Regexp
}

// UnmarshalYAML implements yaml.Unmarshaler. A null does not come here: it is the zero Want.
func (w *Want) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		w.texts = []string{n.Value}
		return nil
	case yaml.SequenceNode:
		w.texts = []string{}
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: want a text", e.Line)
			}
			w.texts = append(w.texts, e.Value)
		}
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			f := form{name: n.Content[i].Value, text: n.Content[i+1].Value}
			switch f.name {
			case "matches":
				re, err := regexp.Compile(f.text)
				if err != nil {
					return fmt.Errorf("line %d: matches: %w", n.Content[i].Line, err)
				}
				f.re = re
			case "contains", "not":
			default:
				return fmt.Errorf("line %d: %s: want matches, contains or not", n.Content[i].Line, f.name)
			}
			w.forms = append(w.forms, f)
		}
		return nil
	}
	return fmt.Errorf("line %d: want a text, a list, null or a mapping with matches, contains or not", n.Line)
}

// ok says whether got, all values of a name, is what is wanted.
func (w *Want) ok(got []string) bool {
	if len(w.forms) == 0 {
		return len(w.texts) == len(got) && (len(got) == 0 || reflect.DeepEqual(w.texts, got))
	}
	for _, f := range w.forms {
		some := false
		for _, g := range got {
			some = some || f.fits(g)
		}
		if some == (f.name == "not") {
			return false
		}
	}
	return true
}

func (f *form) fits(got string) bool {
	switch f.name {
	case "matches":
		return f.re.MatchString(got)
	case "contains":
		return strings.Contains(got, f.text)
	}
	return got == f.text
}

// part says whether a line of a log is meant: a plain text needs to be in it only.
func (w *Want) part(line string) bool {
	if len(w.forms) > 0 {
		return w.ok([]string{line})
	}
	for _, t := range w.texts {
		if !strings.Contains(line, t) {
			return false
		}
	}
	return true
}

// String shows what is wanted.
func (w *Want) String() string {
	if len(w.forms) > 0 {
		var all []string
		for _, f := range w.forms {
			all = append(all, fmt.Sprintf("%s %q", f.name, f.text))
		}
		return strings.Join(all, " and ")
	}
	return shownValues(w.texts)
}

func shownValues(values []string) string {
	switch len(values) {
	case 0:
		return "(absent)"
	case 1:
		return fmt.Sprintf("%q", values[0])
	}
	return fmt.Sprintf("%q", values)
}

// WantMessage is what a request or response should be; what is not named is not looked at.
type WantMessage struct {
	Status  *Want           `yaml:"status"`
	Method  *Want           `yaml:"method"`
	Path    *Want           `yaml:"path"`
	Headers map[string]Want `yaml:"headers"`
	Body    *Want           `yaml:"body"`
	JSON    yaml.Node       `yaml:"json"`
	To      *Want           `yaml:"to"`

	// closed: the connection ends without a response.
	closed bool
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *WantMessage) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Value == "closed" {
			w.closed = true
			return nil
		}
		w.Status = &Want{texts: []string{n.Value}}
		return nil
	}
	type plain WantMessage
	return strict(n, (*plain)(w))
}

// WantRequests are the requests that should have come: none, one that is
// described, or a list.
type WantRequests struct {
	all []*WantMessage
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *WantRequests) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "none":
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Decode(&w.all)
	case n.Kind == yaml.MappingNode:
		one := &WantMessage{}
		w.all = []*WantMessage{one}
		return n.Decode(one)
	}
	return fmt.Errorf("line %d: upstream: want none, a mapping or a list of mappings", n.Line)
}

// Problem is one expectation that was not met.
type Problem struct {
	// Where names it: "response.headers.X-Hello".
	Where string
	// Want and Got, or Diff where they have several lines.
	Want, Got, Diff string
}

// String has a line for the place and indented ones for the rest.
func (p Problem) String() string {
	if p.Diff != "" {
		return p.Where + "\n" + indent(p.Diff, "  ")
	}
	return p.Where + "\n  want " + p.Want + "\n  got  " + p.Got + "\n"
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	return b.String()
}

// message compares a message's parts.
func (w *WantMessage) message(at string, parts map[string]string, h Header, body string) []Problem {
	var ps []Problem
	for _, x := range []struct {
		name string
		want *Want
	}{{"status", w.Status}, {"method", w.Method}, {"path", w.Path}, {"to", w.To}} {
		if got := []string{parts[x.name]}; x.want != nil && !x.want.ok(got) {
			ps = append(ps, Problem{Where: at + "." + x.name, Want: x.want.String(), Got: shownValues(got)})
		}
	}
	for _, name := range sortedNames(w.Headers) {
		want := w.Headers[name]
		if got := h.Values(name); !want.ok(got) {
			ps = append(ps, Problem{Where: at + ".headers." + name, Want: want.String(), Got: shownValues(got)})
		}
	}
	if w.Body != nil && !w.Body.ok(oneText(body)) {
		ps = append(ps, textProblem(at+".body", w.Body, body))
	}
	if !w.JSON.IsZero() {
		ps = append(ps, jsonProblem(at+".json", &w.JSON, body)...)
	}
	return ps
}

// oneText is body as a value: an empty body is absent, or "".
func oneText(body string) []string {
	if body == "" {
		return nil
	}
	return []string{body}
}

func sortedNames(m map[string]Want) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// textProblem shows bodies of several lines as a diff.
func textProblem(at string, want *Want, got string) Problem {
	if len(want.texts) == 1 && strings.Contains(strings.TrimSuffix(want.texts[0]+got, "\n"), "\n") {
		return Problem{Where: at, Diff: diff(want.texts[0], got)}
	}
	return Problem{Where: at, Want: want.String(), Got: shownValues(oneText(got))}
}

func jsonProblem(at string, n *yaml.Node, body string) []Problem {
	var g any
	gotErr := json.Unmarshal([]byte(body), &g)
	w, err := jsonWant(n, g)
	if err != nil {
		return []Problem{{Where: at, Want: "a value that JSON has", Got: err.Error()}}
	}
	switch {
	case gotErr != nil:
		return []Problem{{Where: at, Want: strings.TrimSpace(pretty(w)), Got: shownValues(oneText(body)) + " (" + gotErr.Error() + ")"}}
	case reflect.DeepEqual(w, g):
		return nil
	}
	return []Problem{{Where: at, Diff: diff(pretty(w), pretty(g))}}
}

// jsonWant is the JSON value that n means. `!matches REGEXP` means what got
// has in that place if it matches, `!any` whatever got has.
func jsonWant(n *yaml.Node, got any) (any, error) {
	switch {
	case n.Tag == "!any":
		return got, nil
	case n.Tag == "!matches":
		re, err := regexp.Compile(n.Value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		if s, ok := got.(string); ok && re.MatchString(s) {
			return got, nil
		}
		return "!matches " + n.Value, nil
	case n.Kind == yaml.MappingNode:
		have, _ := got.(map[string]any)
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := jsonWant(n.Content[i+1], have[n.Content[i].Value])
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case n.Kind == yaml.SequenceNode:
		have, _ := got.([]any)
		l := make([]any, len(n.Content))
		for i, e := range n.Content {
			var g any
			if i < len(have) {
				g = have[i]
			}
			v, err := jsonWant(e, g)
			if err != nil {
				return nil, err
			}
			l[i] = v
		}
		return l, nil
	}
	text, err := jsonOf(n)
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal([]byte(text), &v)
	return v, err
}

func pretty(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
	return b.String()
}

// jsonOf is a YAML value as JSON.
func jsonOf(n *yaml.Node) (string, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// withJSON makes a body of a YAML value, if there is one.
func withJSON(n *yaml.Node, body *string, h *Header) error {
	if n.IsZero() {
		return nil
	}
	if *body != "" {
		return fmt.Errorf("line %d: body and json are two bodies", n.Line)
	}
	text, err := jsonOf(n)
	if err != nil {
		return fmt.Errorf("line %d: json: %w", n.Line, err)
	}
	*body = text
	if len(h.Values("Content-Type")) == 0 {
		*h = append(*h, Field{"Content-Type", "application/json"})
	}
	return nil
}

// diff shows what has to go (-) and to come (+) to make got of want, by lines.
func diff(want, got string) string {
	a, b := lines(want), lines(got)
	if len(a)*len(b) > 1<<20 { // too long for the table below
		return fmt.Sprintf("- %d bytes wanted\n+ %d bytes got\n", len(want), len(got))
	}
	// common[i][j] is the length of the longest common part of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out strings.Builder
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out.WriteString("  " + a[i] + "\n")
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
	return out.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !strings.HasSuffix(text, "\n") {
		all[len(all)-1] += " (no line end)"
	}
	return all
}
