-- resty.openssl.x509.altname: lists of alternative names of certificates and requests
local crypto = require "gibbon.crypto"
local der = require "gibbon.der"
local names = require "gibbon.general_names"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
ASN1_STRING *a2i_IPADDRESS(const char *ipasc);
const unsigned char *ASN1_STRING_get0_data(const ASN1_STRING *x);
int ASN1_STRING_length(const ASN1_STRING *x);
int i2d_X509_NAME(const X509_NAME *a, unsigned char **out);
]]

local M = {}
local KINDS = { rfc822name = "email", rfc822 = "email", email = "email", uniformresourceidentifier = "URI", uri = "URI", dnsname = "DNS", dns = "DNS",
  ipaddress = "IP", ip = "IP", dirname = "DirName" }

local methods, mt = {}, nil

-- adopt(list): the object of a list of { kind, value } (gibbon.general_names).
function M.adopt(list) return setmetatable(list, mt) end
function M.new() return M.adopt {} end
function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M.dup(other)
  if not M.istype(other) then return nil, "x509.altname.dup: expect an altname instance at #1" end
  local list = {}
  for i, e in ipairs(other) do list[i] = e end
  return M.adopt(list)
end

local function address(text)
  local s = C.a2i_IPADDRESS(text)
  if s == nil then
    C.ERR_clear_error()
    return nil
  end
  local bytes = ffi.string(C.ASN1_STRING_get0_data(s), C.ASN1_STRING_length(s))
  C.ASN1_STRING_free(s)
  return bytes
end

local function directory(name)
  local out = ffi.new("unsigned char *[1]")
  local n = C.i2d_X509_NAME(name.ctx, out)
  if n < 0 then return nil end
  local bytes = ffi.string(out[0], n)
  crypto.free_string(out[0])
  return bytes
end

-- add(kind, value): kind in any case; the value of a DirName is a resty.openssl.x509.name, that of others text.
function methods:add(kind, value)
  local known = type(kind) == "string" and KINDS[kind:lower()]
  if not known then return nil, "x509.altname:add: unknown type " .. tostring(kind) end
  local e = { known, value }
  if known == "DirName" then
    local bytes = require("resty.openssl.x509.name").istype(value) and directory(value)
    if not bytes then return nil, "x509.altname:add: expect a x509.name instance at #2" end
    e[2], e.der = tostring(value), der.write(0xa4, bytes)
  elseif type(value) ~= "string" then
    return nil, "x509.altname:add: expect a string at #2"
  elseif known == "IP" then
    local bytes = address(value)
    if not bytes then return nil, "x509.altname:add: not an IP address: " .. value end
    e.der = der.write(0x87, bytes)
  end
  self[#self + 1] = e
  return self
end

function methods:count() return #self end
function methods:index(i) if self[i] then return self[i][1], self[i][2] end end

function methods:all()
  local t = {}
  for i, e in ipairs(self) do t[i] = e[2] end
  return t
end

function methods:each()
  local i = 0
  return function()
    i = i + 1
    if self[i] then return self[i][1], self[i][2] end
  end
end

function methods:tostring()
  local out = {}
  for i, e in ipairs(self) do out[i] = e[1] .. "=" .. e[2] end
  return table.concat(out, "/")
end

mt = { __index = methods, __tostring = methods.tostring, __pairs = methods.each }

-- of(v): v if it is an altname, else one of a list of { kind, value }; nil and why not.
function M.of(v)
  if M.istype(v) then return v end
  if type(v) ~= "table" then return nil, "expect a x509.altname instance" end
  local out = M.new()
  for _, e in ipairs(v) do
    local ok, err = out:add(e[1], e[2])
    if not ok then return nil, err end
  end
  return out
end

-- der(v) is how v stands in a certificate.
M.der = names.write

return M
