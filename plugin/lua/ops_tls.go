package lua

import (
	"crypto/x509"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind ngx.ssl (lib/ngx/ssl.lua) and kong.client.tls in the
// certificate phase.
func init() {
	RegisterOp("ssl.server_name", onHandshake(func(c *Call, h *pdk.Handshake) {
		if h.ServerName == "" {
			c.Return(nil)
			return
		}
		c.Return(h.ServerName)
	}))
	RegisterOp("ssl.version", onHandshake(func(c *Call, h *pdk.Handshake) {
		var best uint16
		for _, v := range h.Versions {
			best = max(best, v)
		}
		c.Return(int(best))
	}))
	RegisterOp("ssl.clear", onHandshake(func(c *Call, h *pdk.Handshake) { h.Clear(); c.Return(true) }))
	RegisterOp("ssl.set_cert", onHandshake(func(c *Call, h *pdk.Handshake) { settle(c, h.SetCertificate([]byte(c.String(0)))) }))
	RegisterOp("ssl.set_key", onHandshake(func(c *Call, h *pdk.Handshake) { settle(c, h.SetKey([]byte(c.String(0)))) }))
	RegisterOp("client.tls.request_client_certificate", onHandshake(func(c *Call, h *pdk.Handshake) {
		h.RequestCertificate = true
		if text := c.String(0); text != "" {
			h.Authorities = x509.NewCertPool()
			h.Authorities.AppendCertsFromPEM([]byte(text))
		}
		c.Return(true)
	}))
	RegisterOp("client.tls.disable_session_reuse", onHandshake(func(c *Call, h *pdk.Handshake) { h.NoSessionReuse = true; c.Return(true) }))
	RegisterOp("client.tls.disable_http2_alpn", onHandshake(func(c *Call, h *pdk.Handshake) { h.NoHTTP2 = true; c.Return(true) }))
}

// onHandshake is an operation of the certificate phase.
func onHandshake(fn func(*Call, *pdk.Handshake)) Op {
	return onRequest(func(c *Call, k *pdk.Kong) {
		if k.Handshake == nil {
			if t := k.X.Flow; t != nil && t.TLS != nil && t.TLS.ServerName != "" {
				fn(c, &pdk.Handshake{ServerName: t.TLS.ServerName, Versions: []uint16{t.TLS.Version}})
				return
			}
			c.Return(nil, "no ssl object")
			return
		}
		fn(c, k.Handshake)
	})
}
