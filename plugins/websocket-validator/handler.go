// Package websocketvalidator is the plugin websocket-validator: messages of a
// WebSocket have to match a JSON schema, or end it. Read schema.go first.
package websocketvalidator

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// handler has a compiled schema per side and type, nil where none is set.
type handler struct {
	client, upstream compiled
}

type compiled struct{ text, binary *jsonschema.Schema }

var (
	_ plugin.WSClientFramer   = (*handler)(nil)
	_ plugin.WSUpstreamFramer = (*handler)(nil)
)

func newHandler(record map[string]any) (plugin.Handler, error) {
	var c Config
	if err := schema.Decode(record, &c); err != nil {
		return nil, err
	}
	h := &handler{}
	for _, r := range []struct {
		rule *Rule
		to   **jsonschema.Schema
	}{{&c.Client.Text, &h.client.text}, {&c.Client.Binary, &h.client.binary}, {&c.Upstream.Text, &h.upstream.text}, {&c.Upstream.Binary, &h.upstream.binary}} {
		if r.rule.Schema == "" {
			continue
		}
		s, err := compile(r.rule.Schema)
		if err != nil {
			return nil, err
		}
		*r.to = s
	}
	return h, nil
}

// noLoader keeps schemas from naming files and addresses.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema may only refer to itself, not to %s", url)
}

// compile reads a draft 4 schema.
func compile(text string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	const name = "urn:schema"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(noLoader{})
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	return c.Compile(name)
}

func checkSchema(v any) error {
	s, _ := v.(string)
	if _, err := compile(s); err != nil {
		return errors.New("invalid JSON schema: " + err.Error())
	}
	return nil
}

// inlineSize is the size up to which a message is checked on the worker's loop.
const inlineSize = 4 << 10

// invalid and gone are the statuses for the sender and for the other side.
const (
	invalid = 1007
	gone    = 1001
)

// WSClientFrame implements plugin.WSClientFramer.
func (h *handler) WSClientFrame(k *pdk.Kong, f pdk.Frame) error {
	return check(k, &k.WebSocket.Client, &h.client, f)
}

// WSUpstreamFrame implements plugin.WSUpstreamFramer.
func (h *handler) WSUpstreamFrame(k *pdk.Kong, f pdk.Frame) error {
	return check(k, &k.WebSocket.Upstream, &h.upstream, f)
}

func check(k *pdk.Kong, side *pdk.WebSocketSide, c *compiled, f pdk.Frame) error {
	var s *jsonschema.Schema
	switch f.Type {
	case pdk.TextFrame:
		s = c.text
	case pdk.BinaryFrame:
		s = c.binary
	}
	if s == nil {
		return nil
	}
	if len(f.Data) > inlineSize && !k.InJob {
		return pdk.ErrBlocks
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.Data))
	if err == nil {
		err = s.Validate(doc)
	}
	if err == nil {
		return nil
	}
	return side.Close(invalid, "invalid "+f.Type.String()+" message", gone, "")
}
