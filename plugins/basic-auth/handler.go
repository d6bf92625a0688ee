// Package basicauth is the plugin basic-auth: consumers authenticate with a
// user name and a password (RFC 7617). Read schema.go first.
package basicauth

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugins/shared/identity"
)

type handler struct {
	*Config
	challenge string
}

var (
	_ plugin.Accessor     = (*handler)(nil)
	_ plugin.WSHandshaker = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	return &handler{c, `Basic realm="` + c.Realm + `"`}
}

// WSHandshake is access for WebSockets.
func (h *handler) WSHandshake(k *pdk.Kong) error { return h.Access(k) }

func (h *handler) Access(k *pdk.Kong) error {
	if h.Anonymous != "" && identity.Known(k) {
		return nil
	}
	ok, err := h.authenticate(k)
	switch {
	case err != nil || ok:
		return err
	case h.Anonymous != "":
		return identity.SetAnonymous(k, h.Anonymous)
	}
	return k.Response.Error(401, "", pdk.H("WWW-Authenticate", h.challenge))
}

// authenticate tries Proxy-Authorization, then Authorization: the first that
// names a known user decides.
func (h *handler) authenticate(k *pdk.Kong) (bool, error) {
	for _, header := range [...]string{"Proxy-Authorization", "Authorization"} {
		value, found := k.Request.LookupHeader(header)
		if !found {
			continue
		}
		username, password, ok := parse(value)
		if h.HideCredentials {
			if err := k.Service.Request.ClearHeader(header); err != nil {
				return false, err
			}
		}
		if !ok {
			continue
		}
		credential, known := k.Entities("basicauth_credentials").By("username", username)
		if !known {
			continue
		}
		consumer := identity.ConsumerOf(k, credential)
		id, _ := consumer["id"].(string)
		stored, _ := credential["password"].(string)
		if consumer == nil || subtle.ConstantTimeCompare([]byte(stored), []byte(digest(password, id))) != 1 {
			return false, nil
		}
		return true, identity.Set(k, consumer, credential, username)
	}
	return false, nil
}

// parse reads "Basic BASE64"; the user name ends at the first colon.
func parse(value string) (username, password string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", false
	}
	username, password, ok = strings.Cut(string(plain), ":")
	return username, password, ok && username != ""
}
