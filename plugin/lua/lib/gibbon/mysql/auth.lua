-- How a client shows MySQL its password: mysql_native_password, caching_sha2_password, sha256_password, mysql_clear_password.
local bit = require "bit"
local byte, char, concat, bxor = string.byte, string.char, table.concat, bit.bxor

local M = {}

local function xor(a, b)
  local out = {}
  for i = 1, #a do out[i] = char(bxor(byte(a, i), byte(b, (i - 1) % #b + 1))) end
  return concat(out)
end

local function sha256(s)
  local d = require("resty.sha256"):new()
  d:update(s)
  return d:final()
end

-- native(password, scramble): SHA1(password) xor SHA1(scramble + SHA1(SHA1(password))).
function M.native(password, scramble)
  if password == "" then return "" end
  local sha1 = ngx.sha1_bin
  local first = sha1(password)
  return xor(first, sha1(scramble .. sha1(first)))
end

-- caching(password, scramble): SHA256(password) xor SHA256(SHA256(SHA256(password)) + scramble).
function M.caching(password, scramble)
  if password == "" then return "" end
  local first = sha256(password)
  return xor(first, sha256(sha256(first) .. scramble))
end

-- sealed(password, scramble, pem): the password for the server's public key alone.
function M.sealed(password, scramble, pem)
  local pkey = require "resty.openssl.pkey"
  local key, err = pkey.new(pem)
  if not key then return nil, "bad public key of the server: " .. tostring(err) end
  return key:encrypt(xor(password .. "\0", scramble), pkey.PADDINGS.RSA_PKCS1_OAEP_PADDING)
end

-- first(plugin, password, scramble, secure): what the client sends unasked. Plugins that want the password itself
-- get it only over TLS or a unix socket (secure); "\1" asks for the server's public key.
function M.first(plugin, password, scramble, secure)
  if plugin == "mysql_native_password" then return M.native(password, scramble) end
  if plugin == "caching_sha2_password" then return M.caching(password, scramble) end
  if plugin == "sha256_password" then
    if password == "" then return "\0" end
    if secure then return password .. "\0" end
    return "\1"
  end
  if plugin == "mysql_clear_password" then
    if secure then return password .. "\0" end
    return nil, "the server wants the password in the clear: use ssl"
  end
  return nil, "authentication plugin '" .. tostring(plugin) .. "' is not supported"
end

return M
