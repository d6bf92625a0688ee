// Package keyauth is the plugin key-auth: consumers authenticate with a key in
// a header, a query argument or a body field. Read schema.go first.
package keyauth

import (
	"errors"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugins/shared/identity"
)

type handler struct {
	*Config
	// challenge is the value of WWW-Authenticate.
	challenge string
}

var (
	_ plugin.Accessor     = (*handler)(nil)
	_ plugin.WSHandshaker = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	h := &handler{c, "Key"}
	if c.Realm != "" {
		h.challenge = `Key realm="` + c.Realm + `"`
	}
	return h
}

// The reasons for a 401.
const (
	noKey         = "No API key found in request"
	severalKeys   = "Duplicate API key found"
	notAuthorized = "Unauthorized"
)

// WSHandshake is access for WebSockets.
func (h *handler) WSHandshake(k *pdk.Kong) error { return h.Access(k) }

func (h *handler) Access(k *pdk.Kong) error {
	if !h.RunOnPreflight && k.Request.Method() == "OPTIONS" {
		return nil
	}
	if h.Anonymous != "" && identity.Known(k) {
		return nil
	}
	refusal, err := h.authenticate(k)
	switch {
	case err != nil || refusal == "":
		return err
	case h.Anonymous != "":
		return identity.SetAnonymous(k, h.Anonymous)
	}
	return k.Response.Error(401, refusal, pdk.H("WWW-Authenticate", h.challenge))
}

// authenticate makes the key's owner the consumer of the request, or says why not.
func (h *handler) authenticate(k *pdk.Kong) (refusal string, err error) {
	var body pdk.Body
	if h.KeyInBody {
		// whatever else is wrong with a body, there is no key in it then
		if body, err = k.Request.Body(pdk.BodyOptions{}); errors.Is(err, pdk.ErrBlocks) {
			return "", err
		}
	}
	var key string
	for _, name := range h.KeyNames {
		found, value, several := h.find(k, body, name)
		if several {
			return severalKeys, nil
		}
		if found {
			if h.HideCredentials {
				if err := h.hide(k, body, name); err != nil {
					return "", err
				}
			}
			key = value
			break
		}
	}
	if key == "" {
		return noKey, nil
	}
	credential, ok := k.Entities("keyauth_credentials").By("key", key)
	if !ok {
		return notAuthorized, nil
	}
	consumer := identity.ConsumerOf(k, credential)
	if consumer == nil {
		return notAuthorized, nil
	}
	id, _ := credential["id"].(string)
	return "", identity.Set(k, consumer, credential, id)
}

// find looks for a key under one name. A value that is there but is no text
// (a bare query argument, a number) is no key; several values are an error.
func (h *handler) find(k *pdk.Kong, body pdk.Body, name string) (found bool, key string, several bool) {
	if h.KeyInHeader {
		if v, ok := k.Request.LookupHeader(name); ok {
			return true, v, k.Request.HeaderCount(name) > 1
		}
	}
	if h.KeyInQuery {
		if arg, ok := k.Request.QueryArg(name); ok {
			return !arg.Bare, arg.Value, h.severalArgs(k, name)
		}
	}
	if table, ok := body.Value.(map[string]any); ok {
		switch v := table[name].(type) {
		case string:
			return true, v, false
		case []any, map[string]any:
			return false, "", true
		}
	}
	return false, "", false
}

// severalArgs says whether the query has more than one argument of a name.
func (h *handler) severalArgs(k *pdk.Kong, name string) bool {
	raw := k.Request.RawQuery()
	if strings.IndexByte(raw, '&') < 0 {
		return false
	}
	args, _ := pdk.ParseArgs(raw, pdk.MaxArgs)
	n := 0
	for _, a := range args {
		if a.Name == name {
			n++
		}
	}
	return n > 1
}

// hide takes the key out of the request, wherever its name stands.
func (h *handler) hide(k *pdk.Kong, body pdk.Body, name string) error {
	if err := k.Service.Request.ClearHeader(name); err != nil {
		return err
	}
	if err := k.Service.Request.ClearQueryArg(name); err != nil {
		return err
	}
	table, ok := body.Value.(map[string]any)
	if !ok || table[name] == nil {
		return nil
	}
	delete(table, name)
	return k.Service.Request.SetBody(table, "")
}
