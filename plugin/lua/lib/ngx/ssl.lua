-- ngx.ssl: the certificate of the handshake that a certificate handler runs in. Certificates and keys that were
-- parsed are tables with their PEM text; the gateway parses and serves them.
local op = require "gibbon.op"

local ask_name, ask_version, ask_clear = op.ask("ssl.server_name"), op.ask("ssl.version"), op.ask("ssl.clear")
local ask_cert, ask_key = op.ask("ssl.set_cert"), op.ask("ssl.set_key")

local M = { SSL3_VERSION = 0x0300, TLS1_VERSION = 0x0301, TLS1_1_VERSION = 0x0302, TLS1_2_VERSION = 0x0303, TLS1_3_VERSION = 0x0304 }
local NAMES = { [0x0300] = "SSLv3", [0x0301] = "TLSv1", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2", [0x0304] = "TLSv1.3" }

M.server_name = function() return ask_name() end
M.clear_certs = function() return ask_clear() end
M.get_tls1_version = function() return ask_version() end
M.get_tls1_version_str = function() local v, err = ask_version() if not v then return nil, err end return NAMES[v] end

-- blocks(pem, what): does the text hold at least one PEM block whose kind ends in what?
local function blocks(pem, what) return type(pem) == "string" and pem:find("-----BEGIN [%u ]*" .. what .. "-----") ~= nil end

function M.parse_pem_cert(pem)
  if not blocks(pem, "CERTIFICATE") then return nil, "PEM_read_bio_X509_AUX() failed" end
  return { pem = pem }
end

function M.parse_pem_priv_key(pem)
  if not blocks(pem, "PRIVATE KEY") then return nil, "PEM_read_bio_PrivateKey() failed" end
  return { pem = pem }
end

local function wrapped(der, kind)
  local text = ngx.encode_base64(der):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
  return "-----BEGIN " .. kind .. "-----\n" .. text .. "\n-----END " .. kind .. "-----\n"
end

local function unwrapped(pem)
  local out = {}
  for body in pem:gmatch("%-%-%-%-%-BEGIN [%u ]+%-%-%-%-%-(.-)%-%-%-%-%-END") do
    out[#out + 1] = ngx.decode_base64((body:gsub("%s", "")))
  end
  return table.concat(out)
end

function M.parse_der_cert(der) return { pem = wrapped(der, "CERTIFICATE") } end
function M.parse_der_priv_key(der) return { pem = wrapped(der, "PRIVATE KEY") } end

function M.cert_pem_to_der(pem)
  if not blocks(pem, "CERTIFICATE") then return nil, "PEM_read_bio_X509_AUX() failed" end
  return unwrapped(pem)
end

function M.priv_key_pem_to_der(pem)
  if not blocks(pem, "PRIVATE KEY") then return nil, "PEM_read_bio_PrivateKey() failed" end
  return unwrapped(pem)
end

function M.set_cert(cert) return ask_cert(cert.pem) end
function M.set_priv_key(key) return ask_key(key.pem) end
function M.set_der_cert(der) return ask_cert(wrapped(der, "CERTIFICATE")) end
function M.set_der_priv_key(der) return ask_key(wrapped(der, "PRIVATE KEY")) end

-- The socket's own addresses: packed bytes and their kind.
local function packed(name)
  local text = ngx.var[name]
  if not text then return nil, "no address" end
  if text:find(":", 1, true) then return ngx.var.binary_remote_addr, "inet6" end
  return (text:gsub("(%d+)%.?", function(n) return string.char(tonumber(n)) end)), "inet"
end

M.raw_client_addr = function() return packed("realip_remote_addr") end
M.raw_server_addr = function() return packed("server_addr") end
M.server_port = function() return tonumber(ngx.var.server_port) end

return M
