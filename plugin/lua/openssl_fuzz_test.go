package lua

import (
	"encoding/pem"
	"testing"
)

// FuzzCertificates gives bytes to what reads certificates, revocation lists, PKCS#12 and the values of extensions, and to
// resty.http's parser of URIs. Each ends with a value or with nil and an error; a list that was read and written again is the same list.
func FuzzCertificates(f *testing.F) {
	certificate, list := signedByGo(f)
	for _, text := range []string{certificate, list} {
		block, _ := pem.Decode([]byte(text))
		f.Add(string(block.Bytes))
	}
	for _, s := range []string{"", "\x30\x00", "\x30\x0b\x82\x01a\x87\x04\x7f\x00\x00\x01\xa4\x00", "\x30\x11\x30\x0f\xa0\x0d\xa0\x0b\x86\x09http://c/", "\x30\x17\x30\x15\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01\x86\x09http://o/",
		"\x30\x80\x00\x00", "\x30\x84\xff\xff\xff\xff", "http://a:b@[::1]:80/p?q#f", "//h", "https://u@h:1/", "\x30\x0c\x02\x01\x03\x30\x07\x06\x05\x2a\x03\x04\x05\x06"} {
		f.Add(s)
	}
	s := newStage(f, Options{})
	all := s.start(s.plugin("certificates", `local input = native.op "test.input"
local names, der, altname = require "gibbon.general_names", require "gibbon.der", require "resty.openssl.x509.altname"
local lists = { require "resty.openssl.x509.extension.dist_points", require "resty.openssl.x509.extension.info_access" }
local x509, crl, csr, pkcs12, extension, http = require "resty.openssl.x509", require "resty.openssl.x509.crl", require "resty.openssl.x509.csr", require "resty.openssl.pkcs12", require "resty.openssl.x509.extension", require "resty.http"
local function same(a, b)
  assert(#a == #b, "another length")
  for i = 1, #a do assert(a[i][1] == b[i][1] and a[i][2] == b[i][2], "another name") end
end
local function refused(v, err) assert(v ~= nil or type(err) == "string", "neither a value nor an error") return v end
local function extensions_of(v)
  for _, ext in ipairs(v:get_extensions()) do ext:text() assert(extension.from_der(ext:data(), "2.5.29.17")) end
  v:get_extension_critical("keyUsage") v:get_signature_name() v:tostring()
end
function P:access()
  local s = native.ask(input)
  local tag, content, after = der.read(s, 1)
  if tag then assert(der.read(der.write(tag, content), 1) == tag and after > #content) end
  local list = names.parse(s)
  if list then
    same(list, assert(names.parse(names.write(list)), "it does not read what it wrote"))
    altname.adopt(list):tostring() altname.adopt(list):all()
  end
  for _, kind in ipairs(lists) do
    local l = kind.parse(s)
    if l then
      local again = assert(kind.parse(kind.der(l)), "it does not read what it wrote")
      if kind == lists[2] then same(l, again) else assert(#l == #again) for i = 1, #l do same(l[i], again[i]) end end
    end
  end
  local c = refused(x509.new(s))
  if c then
    extensions_of(c) c:get_subject_alt_name() c:get_issuer_alt_name() c:get_info_access() c:get_crl_distribution_points() c:get_basic_constraints() c:get_ocsp_url(true) c:get_crl_url(true)
    c:get_lifetime() c:get_serial_number():to_dec() c:get_subject_name():tostring()
  end
  local l = refused(crl.new(s))
  if l then extensions_of(l) l:get_last_update() l:get_next_update() l:get_issuer_name():tostring() end
  local r = refused(csr.new(s))
  if r then extensions_of(r) r:get_subject_alt_name() r:verify() end
  refused(pkcs12.decode(s, "x"))
  local p = refused(http:parse_uri(s))
  if p then assert(p[2] ~= "" and not p[2]:find("[/?#]") and type(p[4]) == "string", "parts of a URI") end
end`))
	s.fuzzAccess(f, "GET / HTTP/1.1\nHost: h.test\n", all)
}
