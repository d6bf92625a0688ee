package lua

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"

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
	RegisterOp("ssl.hello", onHandshake(sslHello))
	RegisterOp("ssl.hello_extension", onHandshake(sslHelloExtension))
	RegisterOp("ssl.set_versions", onHandshake(func(c *Call, h *pdk.Handshake) {
		h.MinVersion, h.MaxVersion = uint16(c.Int(0)), uint16(c.Int(1))
		c.Return(true)
	}))
	RegisterOp("ssl.reused", onTLS(func(c *Call, t *tls.ConnectionState) { c.Return(t.DidResume) }))
	RegisterOp("ssl.export", onTLS(sslExport))
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
			c.Return(nil, errNoTLS)
			return
		}
		fn(c, k.Handshake)
	})
}

// errNoTLS is the reference's text where a connection has no TLS (yet).
const errNoTLS = "no ssl object"

// onTLS is an operation on a connection whose handshake is over.
func onTLS(fn func(*Call, *tls.ConnectionState)) Op {
	return onRequest(func(c *Call, k *pdk.Kong) {
		if k.Handshake != nil || k.X.Flow == nil || k.X.Flow.TLS == nil {
			c.Return(nil, errNoTLS)
			return
		}
		fn(c, k.X.Flow.TLS)
	})
}

// sslHello(): versions, cipher suites and extensions that the client offers, as lists of numbers; nil and a text
// where the gateway does not know them.
func sslHello(c *Call, h *pdk.Handshake) {
	if h.Hello == nil {
		c.Return(nil, "no client hello")
		return
	}
	c.Return(codes(h.Hello.SupportedVersions), codes(h.Hello.CipherSuites), codes(h.Hello.Extensions))
}

func codes(list []uint16) []any {
	out := make([]any, len(list))
	for i, n := range list {
		out[i] = int(n)
	}
	return out
}

// The extensions of a ClientHello that can be written down again.
const (
	extServerName          = 0
	extSupportedGroups     = 10
	extPointFormats        = 11
	extSignatureAlgorithms = 13
	extALPN                = 16
	extSupportedVersions   = 43
)

// sslHelloExtension(type): the extension's bytes; nil where the client did not send it.
func sslHelloExtension(c *Call, h *pdk.Handshake) {
	hello := h.Hello
	if hello == nil {
		c.Return(nil, "no client hello")
		return
	}
	kind, sent := uint16(c.Int(0)), false
	for _, e := range hello.Extensions {
		sent = sent || e == kind
	}
	if !sent {
		c.Return(nil)
		return
	}
	data, known := helloExtension(hello, kind)
	if !known {
		c.Return(nil, "the bytes of this extension are not kept by the gateway")
		return
	}
	c.Return(string(data))
}

// helloExtension writes an extension anew from what was read of it.
func helloExtension(hello *tls.ClientHelloInfo, kind uint16) (data []byte, known bool) {
	vector := func(prefix int, body []byte) []byte {
		if prefix == 1 {
			return append([]byte{byte(len(body))}, body...)
		}
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...)
	}
	var body []byte
	switch kind {
	case extServerName:
		return vector(2, append([]byte{0}, vector(2, []byte(hello.ServerName))...)), true
	case extSupportedGroups:
		for _, g := range hello.SupportedCurves {
			body = binary.BigEndian.AppendUint16(body, uint16(g))
		}
		return vector(2, body), true
	case extPointFormats:
		return vector(1, hello.SupportedPoints), true
	case extSignatureAlgorithms:
		for _, s := range hello.SignatureSchemes {
			body = binary.BigEndian.AppendUint16(body, uint16(s))
		}
		return vector(2, body), true
	case extALPN:
		for _, p := range hello.SupportedProtos {
			body = append(body, vector(1, []byte(p))...)
		}
		return vector(2, body), true
	case extSupportedVersions:
		for _, v := range hello.SupportedVersions {
			body = binary.BigEndian.AppendUint16(body, v)
		}
		return vector(1, body), true
	}
	return nil, false
}

// sslExport(label, context or nil, length): keying material of the connection (RFC 5705).
func sslExport(c *Call, t *tls.ConnectionState) {
	var context []byte
	if !c.IsNil(1) {
		context = []byte(c.String(1))
	}
	key, err := t.ExportKeyingMaterial(c.String(0), context, c.Int(2))
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	c.Return(string(key))
}
