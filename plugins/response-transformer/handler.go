// Package responsetransformer is the plugin response-transformer: it changes
// headers and JSON bodies of responses. Read schema.go first, then body.go.
package responsetransformer

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// change is a name with its new name or value.
type change struct{ name, value string }

type handler struct {
	remove                       []string
	rename, replace, add, append []change
	json                         *bodyChanges // nil = bodies stay
}

var (
	_ plugin.HeaderFilterer = (*handler)(nil)
	_ plugin.BodyFilterer   = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	return &handler{
		remove:  c.Remove.Headers,
		rename:  pairs(c.Rename.Headers),
		replace: pairs(c.Replace.Headers),
		add:     pairs(c.Add.Headers),
		append:  pairs(c.Append.Headers),
		json:    newBodyChanges(c),
	}
}

// pairs splits entries at their first colon.
func pairs(entries []string) []change {
	out := make([]change, len(entries))
	for i, e := range entries {
		out[i].name, out[i].value, _ = strings.Cut(e, ":")
	}
	return out
}

func (h *handler) HeaderFilter(k *pdk.Kong) error {
	if err := h.headers(&k.Response); err != nil {
		return err
	}
	if h.changesBody(k) {
		return k.Response.ClearHeader("Content-Length")
	}
	return nil
}

func (h *handler) headers(r *pdk.Response) error {
	for _, name := range h.remove {
		if err := r.ClearHeader(name); err != nil {
			return err
		}
	}
	for _, c := range h.rename {
		if value, ok := r.LookupHeader(c.name); ok {
			if err := r.SetHeader(c.value, value); err != nil {
				return err
			}
			if err := r.ClearHeader(c.name); err != nil {
				return err
			}
		}
	}
	for _, c := range h.replace {
		if _, ok := r.LookupHeader(c.name); ok {
			if err := r.SetHeader(c.name, c.value); err != nil {
				return err
			}
		}
	}
	for _, c := range h.add {
		if _, ok := r.LookupHeader(c.name); !ok {
			if err := r.SetHeader(c.name, c.value); err != nil {
				return err
			}
		}
	}
	for _, c := range h.append {
		if err := r.AddHeader(c.name, c.value); err != nil {
			return err
		}
	}
	return nil
}

// changesBody says whether the response's body is one to change.
func (h *handler) changesBody(k *pdk.Kong) bool {
	return h.json != nil && strings.HasPrefix(strings.ToLower(k.Response.Header("Content-Type")), "application/json")
}

// BodyFilter holds the body back until it is whole. What is no JSON object or
// array passes as it is.
func (h *handler) BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error) {
	if !h.changesBody(k) {
		return chunk, nil
	}
	body, whole, err := k.Response.RawBody(chunk, last)
	if err != nil || !whole {
		return nil, err
	}
	return h.json.apply(body), nil
}
