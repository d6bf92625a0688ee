-- resty.openssl.objects: object identifiers, their names and numbers (NID).
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
int OBJ_obj2nid(const ASN1_OBJECT *o);
int OBJ_obj2txt(char *buf, int len, const ASN1_OBJECT *a, int no_name);
ASN1_OBJECT *OBJ_nid2obj(int n);
ASN1_OBJECT *OBJ_txt2obj(const char *s, int no_name);
void ASN1_OBJECT_free(ASN1_OBJECT *a);
const char *OBJ_nid2sn(int n);
const char *OBJ_nid2ln(int n);
int OBJ_txt2nid(const char *s);
int OBJ_find_sigid_algs(int sigid, int *digest, int *key);
]]

local M = {}
local buf = ffi.new("char[256]")

-- obj2table(p): { id, nid, sn, ln } of an ASN1_OBJECT; an unregistered one has its numbers in all places of names.
function M.obj2table(p)
  local nid = C.OBJ_obj2nid(p)
  local n = C.OBJ_obj2txt(buf, 256, p, 1)
  local id = ffi.string(buf, n > 0 and n < 256 and n or 0)
  if nid == 0 then return { id = id, nid = 0, sn = id, ln = id } end
  return { id = id, nid = nid, sn = ffi.string(C.OBJ_nid2sn(nid)), ln = ffi.string(C.OBJ_nid2ln(nid)) }
end

function M.nid2table(nid)
  local p = C.OBJ_nid2obj(nid)
  if p == nil then
    C.ERR_clear_error()
    return nil, "objects.nid2table: invalid nid " .. tostring(nid)
  end
  return M.obj2table(p)
end

function M.txt2nid(text)
  if type(text) ~= "string" then return nil, "objects.txt2nid: expect a string at #1" end
  local nid = C.OBJ_txt2nid(text)
  if nid == 0 then
    C.ERR_clear_error()
    return nil, 'objects.txt2nid: invalid NID text "' .. text .. '"'
  end
  return nid
end

-- txtnid2nid(v): the number of a number or a name.
function M.txtnid2nid(v)
  if type(v) == "number" then return v end
  return M.txt2nid(v)
end

-- object(v): an ASN1_OBJECT of a number, a name or an identifier like "1.2.3"; nil and why not.
function M.object(v)
  local p
  if type(v) == "number" then p = C.OBJ_nid2obj(v)
  elseif type(v) == "string" then p = C.OBJ_txt2obj(v, 0) end
  if p == nil then
    C.ERR_clear_error()
    return nil, 'invalid NID or text "' .. tostring(v) .. '"'
  end
  return ffi.gc(p, C.ASN1_OBJECT_free) -- does nothing to libcrypto's own
end

return M
