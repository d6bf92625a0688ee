package plugintest

import "testing"

// TestClientHello looks at what the client of a handshake offers, from ngx.ssl.clienthello and ngx.ssl.
func TestClientHello(t *testing.T) {
	p := phases{
		"certificate": `local hello, ssl = require "ngx.ssl.clienthello", require "ngx.ssl"
local versions = table.concat(hello.get_supported_versions(), ",")
local name = hello.get_client_hello_ext(0)
show(hello.get_client_hello_server_name(), versions:find("TLSv1.3", 1, true) ~= nil, #hello.get_client_hello_ciphers() > 2,
  #hello.get_client_hello_ext_present() > 3, name:sub(6), hello.get_client_hello_ext(60000))
show(#ssl.get_req_shared_ssl_ciphers() > 2, ssl.export_keying_material(16, "label"))
show(hello.set_protocols({ "TLSv1.2" }), fails(require("ngx.ssl.session").get_session_id))
show(hello.set_protocols({ "nonsense" }))`,
		"access": `local hello, ssl = require "ngx.ssl.clienthello", require "ngx.ssl"
show(fails(hello.get_client_hello_server_name), fails(ssl.clear_certs))
show(ssl.get_tls1_version_str(), ssl.ssl_session_reused(), #ssl.export_keying_material(16, "label", "context"))`,
	}
	const disabled = "API disabled in the current context"
	askGlobal(t, p, &Request{TLS: true, Header: Header{{"Host", "a.test"}}}).shows(
		"a.test true true true a.test nil", "true nil no ssl object", "true "+disabled, "nil invalid protocols",
		disabled+" "+disabled, "TLSv1.2 false 16")
}

// TestParsedCertificates: what ngx.ssl parses is cdata, and what is none is refused.
func TestParsedCertificates(t *testing.T) {
	p := phases{"access": `local ssl, pkey = require "ngx.ssl", require "resty.openssl.pkey"
local key = pkey.new({ type = "EC", curve = "prime256v1" })
local pem = key:to_PEM("private")
local parsed = ssl.parse_pem_priv_key(pem)
show(type(parsed), ssl.parse_pem_priv_key("x"))
local der = ssl.priv_key_pem_to_der(pem)
show(type(ssl.parse_der_priv_key(der)), ssl.parse_der_priv_key("x"))
show(ssl.parse_der_cert("\x30\x05x"))
show(pcall(kong.service.set_tls_cert_key, parsed, "x"))
show(kong.service.set_tls_cert_key(require("ffi").new("int[1]"), parsed))
show(fails(kong.service.set_tls_verify_store, {}))
show(kong.service.set_tls_verify_store(require("resty.openssl.x509.store").new()))`}
	ask(t, p, nil).shows("cdata nil PEM_read_bio_PrivateKey() failed", "cdata nil d2i_PrivateKey_bio() failed", "nil d2i_X509_bio() failed",
		"false key must be a parsed cdata object", "nil the chain and the key have to be parsed by ngx.ssl or resty.openssl",
		"argument must be a resty.openssl.x509.store object", "true")
}
