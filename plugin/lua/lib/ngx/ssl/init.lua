-- ngx.ssl: the certificate of the handshake that a certificate handler runs in, and what is known of a connection's TLS.
-- Certificates and keys that were parsed are values of gibbon.pem; the gateway parses and serves them.
local native = require "gibbon.native"
local op = require "gibbon.op"
local pem = require "gibbon.pem"

local type, error, tonumber = type, error, tonumber
local phase = native.phase
local ask_name, ask_version, ask_clear = op.ask("ssl.server_name"), op.ask("ssl.version"), op.ask("ssl.clear")
local ask_cert, ask_key, ask_hello = op.ask("ssl.set_cert"), op.ask("ssl.set_key"), op.ask("ssl.hello")
local ask_request, ask_reused, ask_export = op.ask("client.tls.request_client_certificate"), op.ask("ssl.reused"), op.ask("ssl.export")

local M = { version = "0.1.28",
  SSL3_VERSION = 0x0300, TLS1_VERSION = 0x0301, TLS1_1_VERSION = 0x0302, TLS1_2_VERSION = 0x0303, TLS1_3_VERSION = 0x0304 }
local NAMES = { [0x0300] = "SSLv3", [0x0301] = "TLSv1", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2", [0x0304] = "TLSv1.3" }

function M.server_name() return ask_name() end
function M.get_tls1_version() return ask_version() end

function M.get_tls1_version_str()
  local v, err = ask_version()
  if not v then return nil, err end
  return NAMES[v]
end

-- in_handshake() refuses what decides about a handshake anywhere but in the certificate phase.
local CERTIFICATE = 0x2
local function in_handshake()
  if phase() ~= CERTIFICATE then error("API disabled in the current context", 3) end
end

-- ---- certificates and keys ----

-- blocks(text, what): does the text hold at least one PEM block whose kind ends in what?
local function blocks(text, what) return type(text) == "string" and text:find("-----BEGIN [%u ]*" .. what .. "-----") ~= nil end

function M.parse_pem_cert(text)
  if not blocks(text, "CERTIFICATE") then return nil, "PEM_read_bio_X509_AUX() failed" end
  return pem.wrap(text)
end

function M.parse_pem_priv_key(text)
  if not blocks(text, "PRIVATE KEY") then return nil, "PEM_read_bio_PrivateKey() failed" end
  return pem.wrap(text)
end

local function wrapped(der, kind)
  local text = ngx.encode_base64(der):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
  return "-----BEGIN " .. kind .. "-----\n" .. text .. "\n-----END " .. kind .. "-----\n"
end

-- chain(der) is the PEM text of DER certificates that follow one another: each is a SEQUENCE with its length.
local function chain(der)
  local out, at = {}, 1
  while at <= #der do
    local kind, first = der:byte(at, at + 1)
    if kind ~= 0x30 or not first then return nil end
    local head, size = 2, first
    if first >= 0x80 then
      head, size = 2 + first - 0x80, 0
      if head > 5 or at + head - 1 > #der then return nil end
      for i = at + 2, at + head - 1 do size = size * 256 + der:byte(i) end
    end
    if at + head + size - 1 > #der then return nil end
    out[#out + 1] = wrapped(der:sub(at, at + head + size - 1), "CERTIFICATE")
    at = at + head + size
  end
  return out[1] and table.concat(out)
end

local function unwrapped(text)
  local out = {}
  for body in text:gmatch("%-%-%-%-%-BEGIN [%u ]+%-%-%-%-%-(.-)%-%-%-%-%-END") do
    out[#out + 1] = ngx.decode_base64((body:gsub("%s", "")))
  end
  return table.concat(out)
end

function M.parse_der_cert(der)
  local text = type(der) == "string" and chain(der)
  if not text then return nil, "d2i_X509_bio() failed" end
  return pem.wrap(text)
end

function M.parse_der_priv_key(der)
  if type(der) ~= "string" or der:byte(1) ~= 0x30 then return nil, "d2i_PrivateKey_bio() failed" end
  return pem.wrap(wrapped(der, "PRIVATE KEY"))
end

function M.cert_pem_to_der(text)
  if not blocks(text, "CERTIFICATE") then return nil, "PEM_read_bio_X509_AUX() failed" end
  return unwrapped(text)
end

-- priv_key_pem_to_der(text, passphrase): the passphrase opens a key that is encrypted.
function M.priv_key_pem_to_der(text, passphrase)
  if not blocks(text, "PRIVATE KEY") then return nil, "PEM_read_bio_PrivateKey() failed" end
  if text:find("ENCRYPTED", 1, true) then
    local key, err = require("resty.openssl.pkey").new(text, { format = "PEM", type = "pr", passphrase = passphrase })
    if not key then return nil, err end
    return key:tostring("private", "DER")
  end
  return unwrapped(text)
end

function M.clear_certs()
  in_handshake()
  return ask_clear()
end

local function set(value, ask, what)
  local text = pem.parsed(value)
  if not text then return nil, "bad argument #1 to 'set_" .. what .. "': what ngx.ssl parsed is expected" end
  return ask(text)
end

function M.set_cert(cert)
  in_handshake()
  return set(cert, ask_cert, "cert")
end

function M.set_priv_key(key)
  in_handshake()
  return set(key, ask_key, "priv_key")
end

function M.set_der_cert(der)
  in_handshake()
  local text = type(der) == "string" and chain(der)
  if not text then return nil, "d2i_X509_bio() failed" end
  return ask_cert(text)
end

function M.set_der_priv_key(der)
  in_handshake()
  if type(der) ~= "string" or der:byte(1) ~= 0x30 then return nil, "d2i_PrivateKey_bio() failed" end
  return ask_key(wrapped(der, "PRIVATE KEY"))
end

-- verify_client(client_certs, depth, trusted_certs): asks the client for a certificate, naming these authorities to it.
-- trusted_certs and depth would check it here; the route's plugins do.
function M.verify_client(client_certs)
  in_handshake()
  return ask_request(pem.parsed(client_certs))
end

-- ---- the connection ----

-- The socket's own addresses: packed bytes and their kind.
local function packed(name)
  local text = ngx.var[name]
  if not text then return nil, nil, "no address" end
  if text:sub(1, 5) == "unix:" then return text:sub(6), "unix" end
  if text:find(":", 1, true) then return ngx.var.binary_remote_addr, "inet6" end
  return (text:gsub("(%d+)%.?", function(n) return string.char(tonumber(n)) end)), "inet"
end

function M.raw_client_addr() return packed("realip_remote_addr") end
function M.raw_server_addr() return packed("server_addr") end
function M.server_port() return tonumber(ngx.var.server_port) end

function M.ssl_session_reused() return ask_reused() end

function M.export_keying_material(length, label, context)
  if type(length) ~= "number" then error("bad argument #1 to 'export_keying_material' (number expected, got " .. type(length) .. ")", 2) end
  if type(label) ~= "string" then error("bad argument #2 to 'export_keying_material' (string expected, got " .. type(label) .. ")", 2) end
  return ask_export(label, context, length)
end

-- GREASE values (RFC 8701) are 0x0a0a, 0x1a1a … 0xfafa.
local function is_grease(n) return n % 256 == math.floor(n / 256) and n % 16 == 10 end
M.is_grease = is_grease

-- get_req_shared_ssl_ciphers(filter_grease): what the client offers. Which of them is shared, TLS decides itself.
function M.get_req_shared_ssl_ciphers(filter_grease)
  local _, ciphers = ask_hello()
  if not ciphers then return nil, "no ssl object" end
  if filter_grease == false then return ciphers end
  local out = {}
  for _, n in ipairs(ciphers) do
    if not is_grease(n) then out[#out + 1] = n end
  end
  return out
end

-- The gateway's TLS is not OpenSSL's: there are no pointers to hand out, and it keeps its secrets to itself.
local function no_secrets() return nil, "not available: TLS is not OpenSSL's here" end
M.get_client_random, M.get_server_random, M.get_session_master_key = no_secrets, no_secrets, no_secrets
M.export_keying_material_early = no_secrets
M.get_req_ssl_pointer, M.get_upstream_ssl_pointer = no_secrets, no_secrets

return M
