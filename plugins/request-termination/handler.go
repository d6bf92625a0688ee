// Package requesttermination is the plugin request-termination: requests are
// answered here and never reach the service. Read schema.go first.
package requesttermination

import (
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	// body is what goes out: nil, a string, or the message's JSON.
	body    any
	headers []pdk.Header
}

var _ plugin.Accessor = (*handler)(nil)

// messages are sent for these statuses when the configuration has none, as recorded.
var messages = map[int]string{
	401: "Unauthorized",
	404: "Not found",
	405: "Method not allowed",
	500: "An unexpected error occurred",
	502: "Bad Gateway",
	503: "Service unavailable",
}

func newHandler(c *Config) plugin.Handler {
	h := &handler{Config: c}
	if c.Message == "" {
		c.Message = messages[c.StatusCode]
	}
	switch {
	case c.Body != "":
		h.body = c.Body
		if c.ContentType != "" {
			h.headers = []pdk.Header{pdk.H("Content-Type", c.ContentType)}
		}
	case c.Message != "":
		h.body = map[string]string{"message": c.Message}
	}
	return h
}

func (h *handler) Access(k *pdk.Kong) error {
	if h.Trigger != "" && !triggered(k, h.Trigger) {
		return nil
	}
	if h.Echo {
		return h.echo(k)
	}
	return k.Response.Exit(h.StatusCode, h.body, h.headers...)
}

// triggered says whether the request has a header or a query argument of that name.
func triggered(k *pdk.Kong, name string) bool {
	if _, ok := k.Request.LookupHeader(name); ok {
		return true
	}
	_, ok := k.Request.QueryArg(name)
	return ok
}

// echo answers with what the gateway saw of the request.
func (h *handler) echo(k *pdk.Kong) error {
	body, err := k.Request.RawBody(0)
	if err != nil {
		return err
	}
	headers, _ := k.Request.Headers(pdk.MaxHeaders)
	query, _ := k.Request.Query(pdk.MaxArgs)
	sent := make(map[string]any, len(headers))
	for name, values := range headers {
		if len(values) == 1 {
			sent[name] = values[0]
		} else {
			sent[name] = values
		}
	}
	route := map[string]any{}
	if r := k.Router.Route; r != nil {
		route["id"], route["name"] = r.ID, r.Name
	}
	return k.Response.Exit(h.StatusCode, map[string]any{
		"message":       h.Message,
		"matched_route": route,
		"request": map[string]any{
			"method":   k.Request.Method(),
			"scheme":   k.Request.Scheme(),
			"host":     k.Request.Host(),
			"port":     k.Request.Port(),
			"path":     k.Request.Path(),
			"query":    query.Table(),
			"headers":  sent,
			"raw_body": string(body),
		},
	})
}
