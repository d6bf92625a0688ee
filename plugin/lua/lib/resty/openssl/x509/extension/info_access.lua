-- resty.openssl.x509.extension.info_access: where more about an issuer is found (AuthorityInfoAccess, RFC 5280, 4.2.2.1), as a list of { nid, kind, value }
local crypto = require "gibbon.crypto"
local altname = require "resty.openssl.x509.altname"
local names = require "gibbon.general_names"
local objects = require "resty.openssl.objects"
local der = require "gibbon.der"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
int i2d_ASN1_OBJECT(const ASN1_OBJECT *a, unsigned char **out);
ASN1_OBJECT *d2i_ASN1_OBJECT(ASN1_OBJECT **a, const unsigned char **in, long length);
]]

local M, methods = require("gibbon.stack").kind("x509.extension.info_access", function() return nil, "expect a NID, a type and a value" end)

local function object_bytes(what)
  local object, err = objects.object(what)
  if not object then return nil, err end
  local out = ffi.new("unsigned char *[1]")
  local n = C.i2d_ASN1_OBJECT(object, out)
  if n < 0 then return crypto.failure("x509.extension.info_access") end
  local bytes = ffi.string(out[0], n)
  crypto.free_string(out[0])
  return bytes
end

-- add("OCSP", "URI", "http://…"): how, by which kind of name, where.
function methods:add(what, kind, value)
  local bytes, err = object_bytes(what)
  if not bytes then return nil, "x509.extension.info_access:add: " .. err end
  local one = altname.new()
  local ok, why = one:add(kind, value)
  if not ok then return nil, why end
  local nid = objects.txtnid2nid(what) or 0
  self[#self + 1] = { nid, one[1][1], one[1][2], der = one[1].der, oid = bytes }
  return self
end

-- number(bytes): the NID of an object's element, 0 for one that has none.
local function number(bytes)
  local from = ffi.new("const unsigned char *[1]", ffi.cast("const unsigned char *", bytes))
  local p = C.d2i_ASN1_OBJECT(nil, from, #bytes)
  if p == nil then
    C.ERR_clear_error()
    return nil
  end
  local nid = C.OBJ_obj2nid(p)
  C.ASN1_OBJECT_free(p)
  return nid
end

-- parse(bytes): the list of an extension's value; nil where it is none.
function M.parse(bytes)
  local tag, content, after = der.read(bytes, 1)
  if tag ~= 0x30 or after <= #bytes then return nil end
  local list, at = M.new(), 1
  while at <= #content do
    local one
    tag, one, at = der.read(content, at)
    if tag ~= 0x30 then return nil end
    local kind, _, rest = der.read(one, 1)
    if kind ~= 0x06 then return nil end
    local nid, found = number(one:sub(1, rest - 1)), names.names(one:sub(rest))
    if not nid or not found or #found ~= 1 then return nil end
    list[#list + 1] = { nid, found[1][1], found[1][2], der = found[1].der, oid = one:sub(1, rest - 1) }
  end
  return list
end

-- der(list): the value of such an extension.
function M.der(list)
  local out = {}
  for i, e in ipairs(list) do
    local _, name = der.read(names.write { { e[2], e[3], der = e.der } }, 1)
    out[i] = der.write(0x30, e.oid .. name)
  end
  return der.write(0x30, table.concat(out))
end

return M
