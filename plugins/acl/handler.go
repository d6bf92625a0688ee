// Package acl is the plugin acl: groups of consumers that are let in or kept
// out. Read schema.go first.
package acl

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	// listed are the groups of allow or of deny.
	listed map[string]bool
	// deny: being listed keeps out.
	deny bool
}

var (
	_ plugin.Accessor     = (*handler)(nil)
	_ plugin.WSHandshaker = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	h := &handler{Config: c, deny: len(c.Deny) > 0, listed: map[string]bool{}}
	for _, g := range append(c.Allow, c.Deny...) {
		h.listed[g] = true
	}
	return h
}

// The headers that tell the service the groups: the consumer's own, or those
// that an authentication plugin found.
const (
	headerConsumer      = "X-Consumer-Groups"
	headerAuthenticated = "X-Authenticated-Groups"
)

// keyGroups is where authentication plugins leave groups for all plugins.
const keyGroups = "authenticated_groups"

// WSHandshake is access for WebSockets.
func (h *handler) WSHandshake(k *pdk.Kong) error { return h.Access(k) }

func (h *handler) Access(k *pdk.Kong) error {
	consumer, credential := k.Client.Consumer(), k.Client.Credential()
	found := texts(k.Ctx.Shared(keyGroups))
	known := consumer != nil && credential != nil
	switch {
	case found != nil && (!known || h.AlwaysUseAuthenticatedGroups):
		in := h.anyListed(found)
		if in == h.deny {
			return refuse(k)
		}
		if !in || h.HideGroupsHeader {
			return nil // groups that decided nothing stay here, as recorded
		}
		return tell(k, headerAuthenticated, found)
	case consumer == nil && credential == nil:
		return k.Response.Error(401, "")
	}
	own := groupsOf(k, consumer)
	if h.anyListed(own) == h.deny {
		return refuse(k)
	}
	if h.HideGroupsHeader || consumer == nil {
		return nil
	}
	return tell(k, headerConsumer, own)
}

func refuse(k *pdk.Kong) error {
	return k.Response.Error(403, "You cannot consume this service")
}

func tell(k *pdk.Kong, header string, groups []string) error {
	return k.Service.Request.SetHeader(header, strings.Join(groups, ", "))
}

func (h *handler) anyListed(groups []string) bool {
	for _, g := range groups {
		if h.listed[g] {
			return true
		}
	}
	return false
}

// groupsOf are the groups that a consumer was put into.
func groupsOf(k *pdk.Kong, consumer map[string]any) []string {
	id, _ := consumer["id"].(string)
	if id == "" {
		return nil
	}
	var names []string
	k.Entities("acls").ByForeign("consumer", id, func(acl map[string]any) bool {
		if g, ok := acl["group"].(string); ok {
			names = append(names, g)
		}
		return true
	})
	return names
}

// texts are the strings of a list; nil for what is no list.
func texts(v any) []string {
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		names := make([]string, 0, len(list))
		for _, x := range list {
			if s, ok := x.(string); ok {
				names = append(names, s)
			}
		}
		return names
	}
	return nil
}
