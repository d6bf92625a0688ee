package plugintest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Spec is a spec.yml.
type Spec struct {
	// Plugin is the plugin's name; "" = the one in the folder.
	Plugin string `yaml:"plugin"`
	// Settings are settings of kong.conf, as the plugin sees them in kong.configuration.
	Settings map[string]string `yaml:"settings"`
	Setup    `yaml:",inline"`
	Cases    []*Case `yaml:"cases"`
}

// Setup is the configuration around a case; a case's own goes before the spec's.
type Setup struct {
	// Config is the plugin's configuration.
	Config map[string]any `yaml:"config"`
	// Global puts the plugin on everything instead of the route, as its rewrite phase needs.
	Global *bool `yaml:"global"`
	// With are more plugins on the same route.
	With []struct {
		Name   string         `yaml:"name"`
		Config map[string]any `yaml:"config"`
	} `yaml:"with"`
	// Kong has more entities, as in kong.yml (consumers, upstreams …). Where it
	// has services, there are no others, and the plugin is where it says.
	Kong map[string]any `yaml:"kong"`
}

// Case is one case: a single step, or several that share the gateway.
type Case struct {
	Name string `yaml:"name"`
	// Skip is why the case is not run.
	Skip  string `yaml:"skip"`
	Setup `yaml:",inline"`
	// Refused are the violations of a configuration that the schema refuses,
	// by path ("config.key"); nothing is sent then.
	Refused map[string]Want `yaml:"refused"`
	Step    `yaml:",inline"`
	Steps   []*Step `yaml:"steps"`

	line int
}

// Step is one request and what is expected of it.
type Step struct {
	Request  *SpecRequest `yaml:"request"`
	Upstream Replies      `yaml:"upstream"`
	Expect   Expect       `yaml:"expect"`

	line int
}

// SpecRequest is what the client sends: "GET /path", or a mapping.
type SpecRequest struct {
	Method  string    `yaml:"method"`
	Path    string    `yaml:"path"`
	Headers Headers   `yaml:"headers"`
	Body    string    `yaml:"body"`
	JSON    yaml.Node `yaml:"json"`
	// Client is the address that it comes from.
	Client string `yaml:"client"`
	// TLS sends it over TLS.
	TLS bool `yaml:"tls"`
}

// SpecReply is what an upstream answers: a status, "down", "hangup", or a mapping.
type SpecReply struct {
	Status  int       `yaml:"status"`
	Headers Headers   `yaml:"headers"`
	Body    string    `yaml:"body"`
	JSON    yaml.Node `yaml:"json"`

	down, hangup bool
}

// Replies are one reply or a list of them.
type Replies []*SpecReply

// Headers are fields by name, in the order of the document; a list gives a field several times.
type Headers Header

// Expect is what a step expects; what it does not name is not looked at.
type Expect struct {
	// Response is a status or a mapping.
	Response *WantMessage `yaml:"response"`
	// Upstream is a request that came, a list of all that came, or "none".
	Upstream *WantRequests `yaml:"upstream"`
	// Log are lines of the error log, in order, others may stand between them;
	// NoLog are texts that no line has.
	Log   []Want `yaml:"log"`
	NoLog []Want `yaml:"no_log"`
	// Phases are those of the plugin that ran, in order; with other plugins "NAME.PHASE" of all.
	Phases *[]string `yaml:"phases"`
}

// ReadSpec reads dir/spec.yml. Keys that it does not know are errors.
func ReadSpec(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseSpec(path, text)
}

// ParseSpec is ReadSpec for a text; path is for errors.
func ParseSpec(path string, text []byte) (*Spec, error) {
	s := &Spec{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var doc yaml.Node
	_ = yaml.Unmarshal(text, &doc) // decoded above: for the lines only
	s.lines(&doc)
	seen := map[string]bool{}
	for _, c := range s.Cases {
		if c == nil {
			return nil, fmt.Errorf("%s: an empty case", path)
		}
		if c.Name == "" || seen[c.Name] {
			return nil, fmt.Errorf("%s:%d: a case needs a name of its own, got %q", path, c.line, c.Name)
		}
		seen[c.Name] = true
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: case %q: %w", path, c.line, c.Name, err)
		}
	}
	if len(s.Cases) == 0 {
		return nil, fmt.Errorf("%s: it has no cases", path)
	}
	return s, nil
}

// check refuses a case that tests nothing.
func (c *Case) check() error {
	single := c.Request != nil
	switch {
	case c.Refused != nil && (single || len(c.Steps) > 0):
		return errors.New("refused: nothing can be sent with a configuration that is refused; make it a case of its own")
	case c.Refused != nil:
		return nil
	case single && len(c.Steps) > 0:
		return errors.New("it has both a request and steps")
	case !single && len(c.Steps) == 0:
		return errors.New("it has neither a request, steps nor refused")
	}
	for i, s := range c.steps() {
		if s == nil || s.Request == nil {
			return fmt.Errorf("step %d has no request", i+1)
		}
		if _, err := s.Request.request(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (c *Case) steps() []*Step {
	if len(c.Steps) > 0 {
		return c.Steps
	}
	return []*Step{&c.Step}
}

// lines notes where cases and steps begin.
func (s *Spec) lines(doc *yaml.Node) {
	if len(doc.Content) == 0 {
		return
	}
	cases := child(doc.Content[0], "cases")
	for i, n := range items(cases) {
		if i >= len(s.Cases) || s.Cases[i] == nil {
			return
		}
		c := s.Cases[i]
		c.line, c.Step.line = n.Line, n.Line
		for j, m := range items(child(n, "steps")) {
			if j < len(c.Steps) && c.Steps[j] != nil {
				c.Steps[j].line = m.Line
			}
		}
	}
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *SpecRequest) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		method, path, ok := strings.Cut(n.Value, " ")
		if !ok {
			return fmt.Errorf("line %d: request: %q is not METHOD PATH", n.Line, n.Value)
		}
		r.Method, r.Path = method, path
		return nil
	}
	type plain SpecRequest
	return strict(n, (*plain)(r))
}

// request is what is sent.
func (r *SpecRequest) request() (*Request, error) {
	q := &Request{Method: r.Method, Path: r.Path, Header: Header(r.Headers), Body: r.Body, TLS: r.TLS}
	if q.Method == "" {
		q.Method = "GET"
	}
	if !strings.HasPrefix(q.Path, "/") {
		return nil, fmt.Errorf("request: the path %q does not begin with /", r.Path)
	}
	if err := withJSON(&r.JSON, &q.Body, &q.Header); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if r.Client != "" {
		a, err := netip.ParseAddr(r.Client)
		if err != nil {
			return nil, fmt.Errorf("request: client: %w", err)
		}
		q.Client = a
	}
	return q, nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Replies) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]*SpecReply)(r))
	}
	one := &SpecReply{}
	if err := n.Decode(one); err != nil {
		return err
	}
	*r = Replies{one}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *SpecReply) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		switch n.Value {
		case "down":
			r.down = true
		case "hangup":
			r.hangup = true
		default:
			if err := n.Decode(&r.Status); err != nil {
				return fmt.Errorf("line %d: upstream: %q is neither a status, down, hangup nor a mapping", n.Line, n.Value)
			}
		}
		return nil
	}
	type plain SpecReply
	return strict(n, (*plain)(r))
}

// response is what is answered.
func (r *SpecReply) response() (*Response, error) {
	p := &Response{Status: r.Status, Header: Header(r.Headers), Body: r.Body, Down: r.down, Hangup: r.hangup}
	return p, withJSON(&r.JSON, &p.Body, &p.Header)
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (h *Headers) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: headers: want a mapping of names to values", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		values := []*yaml.Node{n.Content[i+1]}
		if values[0].Kind == yaml.SequenceNode {
			values = values[0].Content
		}
		for _, v := range values {
			if v.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: headers: %s: want a text or a list of texts", v.Line, n.Content[i].Value)
			}
			*h = append(*h, Field{n.Content[i].Value, v.Value})
		}
	}
	return nil
}

// strict decodes n and refuses keys that v has no field for: a Node's own
// Decode forgets the decoder's KnownFields.
func strict(n *yaml.Node, v any) error {
	text, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		var t *yaml.TypeError
		if errors.As(err, &t) { // its lines count from the node's
			return fmt.Errorf("line %d: %s", n.Line, strings.Join(unnumbered(t.Errors), "; "))
		}
		return err
	}
	return nil
}

func unnumbered(errs []string) []string {
	out := make([]string, len(errs))
	for i, e := range errs {
		_, text, ok := strings.Cut(e, ": ")
		if !ok {
			text = e
		}
		out[i] = text
	}
	return out
}
