package declarative

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"go.yaml.in/yaml/v3"
)

const (
	maxDepth = 64
	// maxAliased bounds what aliases may multiply a document to: values in
	// the whole, beyond those written out.
	maxAliased = 1_000_000
)

// parse turns YAML or JSON into values of package schema. Later keys of a
// mapping win, as in the reference, with a warning.
func parse(data []byte) (v any, warnings []string, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if head := bytes.TrimLeft(data, " \t\r\n"); len(head) > 0 && head[0] == '{' {
		if v, err := parseJSON(head); err == nil {
			return v, nil, nil
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, nil, parseError(err)
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return schema.Null, nil, nil
	}
	c := converter{}
	v, err = c.value(doc.Content[0], 0)
	return v, c.warnings, err
}

// parseError brings the library's text into the reference's form.
func parseError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		text = rest
	}
	return errors.New("failed parsing declarative configuration: " + text)
}

func parseJSON(data []byte) (any, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	if depth(v) > maxDepth {
		return nil, errTooDeep
	}
	return nulls(v), nil
}

func depth(v any) int {
	d := 0
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			d = max(d, depth(e))
		}
	case []any:
		for _, e := range x {
			d = max(d, depth(e))
		}
	default:
		return 0
	}
	return d + 1
}

// nulls puts schema.Null where JSON has null; it changes v.
func nulls(v any) any {
	switch x := v.(type) {
	case nil:
		return schema.Null
	case map[string]any:
		for k, e := range x {
			if n := nulls(e); e == nil {
				x[k] = n
			}
		}
	case []any:
		for i, e := range x {
			if n := nulls(e); e == nil {
				x[i] = n
			}
		}
	}
	return v
}

var (
	errTooDeep = fmt.Errorf("failed parsing declarative configuration: nested deeper than %d levels", maxDepth)
	errAliases = errors.New("failed parsing declarative configuration: aliases multiply the document beyond its limit")
)

// converter turns YAML nodes into values.
type converter struct {
	warnings []string
	aliased  int // values made inside aliases so far
	inAlias  int
	// open are the anchors being expanded: one inside itself never ends.
	open map[*yaml.Node]bool
}

func (c *converter) value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	if c.inAlias > 0 {
		if c.aliased++; c.aliased > maxAliased {
			return nil, errAliases
		}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.alias(n, depth)
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, e := range n.Content {
			v, err := c.value(e, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		return out, c.mapping(n, out, depth)
	}
	return scalar(n), nil
}

func (c *converter) alias(n *yaml.Node, depth int) (any, error) {
	if c.open[n.Alias] {
		return nil, fmt.Errorf("failed parsing declarative configuration: %d:%d: anchor '%s' contains itself", n.Line, n.Column, n.Value)
	}
	if c.open == nil {
		c.open = map[*yaml.Node]bool{}
	}
	c.open[n.Alias] = true
	c.inAlias++
	v, err := c.value(n.Alias, depth+1)
	c.inAlias--
	delete(c.open, n.Alias)
	return v, err
}

func (c *converter) mapping(n *yaml.Node, out map[string]any, depth int) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" || k.Value == "<<" && k.Style == 0 {
			if err := c.merge(v, out, depth); err != nil {
				return err
			}
		}
	}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Tag == "!!merge" || k.Value == "<<" && k.Style == 0 {
			continue
		}
		if k.Kind != yaml.ScalarNode {
			return fmt.Errorf("failed parsing declarative configuration: %d:%d: a key must be a plain value", k.Line, k.Column)
		}
		if seen[k.Value] {
			c.warnings = append(c.warnings, fmt.Sprintf("%d:%d: key '%s' is given twice; the later one is used", k.Line, k.Column, k.Value))
		}
		seen[k.Value] = true
		v, err := c.value(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		out[k.Value] = v
	}
	return nil
}

// merge lays a mapping, or several, under the one that is being read.
func (c *converter) merge(n *yaml.Node, out map[string]any, depth int) error {
	v, err := c.value(n, depth+1)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("failed parsing declarative configuration: %d:%d: '<<' takes a mapping", n.Line, n.Column)
		}
		for k, x := range m {
			if _, taken := out[k]; !taken {
				out[k] = x
			}
		}
	}
	return nil
}

// scalar reads a plain value by the rules of YAML 1.1, as the reference does:
// yes, no, on and off are booleans.
func scalar(n *yaml.Node) any {
	s := n.Value
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return s
	}
	switch n.Tag {
	case "!!str":
		if n.Style&yaml.TaggedStyle != 0 {
			return s
		}
	case "!!null":
		return schema.Null
	}
	switch s {
	case "", "~", "null", "Null", "NULL":
		return schema.Null
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false
	case ".inf", ".Inf", ".INF", "+.inf":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	}
	if f, ok := number(s); ok {
		return f
	}
	return s
}

func number(s string) (float64, bool) {
	c := s[0]
	if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' {
		return 0, false
	}
	digits := strings.ReplaceAll(strings.TrimLeft(s, "+-"), "_", "")
	sign := 1.0
	if c == '-' {
		sign = -1
	}
	for prefix, base := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if rest, ok := strings.CutPrefix(digits, prefix); ok {
			n, err := strconv.ParseUint(rest, base, 63)
			return sign * float64(n), err == nil
		}
	}
	if len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "01234567") == "" {
		n, err := strconv.ParseUint(digits, 8, 63)
		return sign * float64(n), err == nil
	}
	for i := range len(digits) {
		if d := digits[i]; (d < '0' || d > '9') && d != '.' && d != 'e' && d != 'E' && d != '+' && d != '-' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	return sign * f, err == nil
}
