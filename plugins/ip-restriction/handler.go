// Package iprestriction is the plugin ip-restriction: lists of client addresses
// that are let in or kept out. Read schema.go first.
package iprestriction

import (
	"fmt"
	"net/netip"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugins/shared/ipset"
)

type handler struct {
	allow, deny *ipset.Set
	status      int
	message     string
}

var (
	_ plugin.Accessor     = (*handler)(nil)
	_ plugin.Prereader    = (*handler)(nil)
	_ plugin.WSHandshaker = (*handler)(nil)
)

func newHandler(record map[string]any) (plugin.Handler, error) {
	var c Config
	if err := schema.Decode(record, &c); err != nil {
		return nil, err
	}
	h := &handler{status: c.Status, message: c.Message}
	if h.status == 0 {
		h.status = 403
	}
	var err error
	if h.allow, err = ipset.New(c.Allow); err != nil {
		return nil, fmt.Errorf("config.allow: %w", err)
	}
	if h.deny, err = ipset.New(c.Deny); err != nil {
		return nil, fmt.Errorf("config.deny: %w", err)
	}
	return h, nil
}

// WSHandshake is access for WebSockets.
func (h *handler) WSHandshake(k *pdk.Kong) error { return h.Access(k) }

func (h *handler) Access(k *pdk.Kong) error {
	address := k.Client.ForwardedIP()
	if h.allowed(address) {
		return nil
	}
	message := h.message
	if message == "" {
		message = "IP address not allowed: " + address
	}
	return k.Response.Error(h.status, message)
}

// Preread closes the connection: there is nothing to tell it in.
func (h *handler) Preread(k *pdk.Kong) error {
	if h.allowed(k.Client.ForwardedIP()) {
		return nil
	}
	return k.Response.Exit(403, nil) // whatever config.status is: L4 has no such statuses
}

// allowed: deny goes before allow; an address that cannot be read is in no list.
func (h *handler) allowed(address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return h.allow.Len() == 0
	}
	return !h.deny.Contains(a) && (h.allow.Len() == 0 || h.allow.Contains(a))
}
