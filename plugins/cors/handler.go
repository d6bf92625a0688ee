// Package cors is the plugin cors: it answers the browsers' question whether
// pages of other origins may use a service. Read schema.go first, then
// origin.go.
package cors

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	origins []origin
	// any: some entry is "*", or there are none; only: it is the only one.
	any, only bool
	// Ready values of headers; "" leaves the header out.
	methods, headers, exposed, maxAge string
}

var (
	_ plugin.Accessor       = (*handler)(nil)
	_ plugin.HeaderFilterer = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	h := &handler{
		Config:  c,
		any:     len(c.Origins) == 0,
		only:    len(c.Origins) == 0 || len(c.Origins) == 1 && c.Origins[0] == "*",
		methods: strings.Join(c.Methods, ","),
		headers: strings.Join(c.Headers, ","),
		exposed: strings.Join(c.ExposedHeaders, ","),
	}
	for _, o := range c.Origins {
		if o == "*" {
			h.any = true
		} else {
			h.origins = append(h.origins, newOrigin(o))
		}
	}
	if c.MaxAge != nil {
		h.maxAge = pdk.NumberText(*c.MaxAge)
	}
	return h
}

// keyPreflight marks a request whose response needs no more headers.
const keyPreflight = "preflight"

func (h *handler) Access(k *pdk.Kong) error {
	if k.Request.Method() != "OPTIONS" {
		return nil
	}
	asked := k.Request.Header("Access-Control-Request-Method")
	if asked == "" || k.Request.Header("Origin") == "" {
		return nil
	}
	k.Ctx.Set(keyPreflight, true)
	if h.PreflightContinue {
		return nil
	}
	if err := h.allow(k); err != nil {
		return err
	}
	headers := h.headers
	if headers == "" {
		headers = k.Request.Header("Access-Control-Request-Headers")
	}
	private := ""
	if h.PrivateNetwork && k.Request.Header("Access-Control-Request-Private-Network") == "true" {
		private = "true"
	}
	if err := set(k, []string{
		"Access-Control-Allow-Headers", headers,
		"Access-Control-Allow-Methods", h.methods,
		"Access-Control-Max-Age", h.maxAge,
		"Access-Control-Allow-Private-Network", private,
	}); err != nil {
		return err
	}
	return k.Response.Exit(200, nil)
}

func (h *handler) HeaderFilter(k *pdk.Kong) error {
	if k.Ctx.Get(keyPreflight) != nil {
		return nil
	}
	if err := h.allow(k); err != nil {
		return err
	}
	return set(k, []string{"Access-Control-Expose-Headers", h.exposed})
}

// set sets the headers that have a value; pairs are names and values in turn.
func set(k *pdk.Kong, pairs []string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if err := k.Response.SetHeader(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// allow says which origin may use the response, and whether with credentials.
// An origin that may not gets no header at all, also where the service set one.
func (h *handler) allow(k *pdk.Kong) error {
	allowed, varies := h.decide(k.Request.Header("Origin"))
	if varies {
		if err := k.Response.AddHeader("Vary", "Origin"); err != nil {
			return err
		}
	}
	if allowed == "" {
		return k.Response.ClearHeader("Access-Control-Allow-Origin")
	}
	if err := k.Response.SetHeader("Access-Control-Allow-Origin", allowed); err != nil {
		return err
	}
	if !h.Credentials || allowed == "*" {
		return nil
	}
	return k.Response.SetHeader("Access-Control-Allow-Credentials", "true")
}

// decide gives the value of Access-Control-Allow-Origin ("" = none), and says
// whether another origin would get another answer.
func (h *handler) decide(asked string) (allowed string, varies bool) {
	switch {
	case h.only && h.Credentials && asked != "":
		return asked, true // browsers refuse "*" together with credentials
	case h.only:
		return "*", false
	case len(h.origins) == 1 && !h.any && h.origins[0].pattern == nil:
		return h.Origins[0], true // one literal origin: the same answer for everybody
	}
	if asked != "" {
		asked = normal(asked)
		for i := range h.origins {
			if h.origins[i].matches(asked) {
				return asked, true
			}
		}
	}
	if h.any {
		return "*", true
	}
	return "", true
}
