-- resty.openssl.x509.name: names in certificates
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
X509_NAME *X509_NAME_new(void);
void X509_NAME_free(X509_NAME *a);
X509_NAME *X509_NAME_dup(const X509_NAME *a);
int X509_NAME_add_entry_by_txt(X509_NAME *name, const char *field, int type, const unsigned char *bytes, int len, int loc, int set);
int X509_NAME_entry_count(const X509_NAME *name);
X509_NAME_ENTRY *X509_NAME_get_entry(const X509_NAME *name, int loc);
ASN1_OBJECT *X509_NAME_ENTRY_get_object(const X509_NAME_ENTRY *ne);
ASN1_STRING *X509_NAME_ENTRY_get_data(const X509_NAME_ENTRY *ne);
int OBJ_obj2nid(const ASN1_OBJECT *o);
int OBJ_obj2txt(char *buf, int len, const ASN1_OBJECT *a, int no_name);
int ASN1_STRING_to_UTF8(unsigned char **out, const ASN1_STRING *in);
const char *OBJ_nid2sn(int n);
const char *OBJ_nid2ln(int n);
]]

local M = {}
local UTF8 = 0x1000
local mt

local function wrap(p) return setmetatable({ ctx = ffi.gc(p, C.X509_NAME_free) }, mt) end

function M.new() return wrap(C.X509_NAME_new()) end
function M.dup(p) return wrap(C.X509_NAME_dup(type(p) == "table" and p.ctx or p)) end
function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:add(k, v)
  v = tostring(v)
  if C.X509_NAME_add_entry_by_txt(self.ctx, k, UTF8, v, #v, -1, 0) ~= 1 then return crypto.failure("x509.name:add") end
  return self
end

local oid = ffi.new("char[128]")

local function entry(self, i)
  local e = C.X509_NAME_get_entry(self.ctx, i)
  local object = C.X509_NAME_ENTRY_get_object(e)
  local nid = C.OBJ_obj2nid(object)
  C.OBJ_obj2txt(oid, 128, object, 1)
  local out = ffi.new("unsigned char *[1]")
  local n = C.ASN1_STRING_to_UTF8(out, C.X509_NAME_ENTRY_get_data(e))
  local blob = n >= 0 and ffi.string(out[0], n) or ""
  if n >= 0 then crypto.free_string(out[0]) end
  local sn = nid ~= 0 and ffi.string(C.OBJ_nid2sn(nid)) or ffi.string(oid)
  return sn, { sn = sn, ln = nid ~= 0 and ffi.string(C.OBJ_nid2ln(nid)) or sn, nid = nid, id = ffi.string(oid), blob = blob }
end

function M:count() return C.X509_NAME_entry_count(self.ctx) end

function M:each()
  local i, n = -1, self:count()
  return function()
    i = i + 1
    if i < n then return entry(self, i) end
  end
end

function M:all()
  local t = {}
  for k, v in self:each() do t[k] = v end
  return t
end

-- find("CN") gives the entry { sn, ln, nid, id, blob } and its place.
function M:find(what, last)
  local i = 0
  for sn, e in self:each() do
    i = i + 1
    if i > (last or 0) and (sn == what or e.ln == what or e.id == what) then return e, i end
  end
end

function M:tostring()
  local out = {}
  for k, e in self:each() do out[#out + 1] = k .. "=" .. e.blob end
  return table.concat(out, "/")
end

function M:index(i)
  if i >= 1 and i <= self:count() then return entry(self, i - 1) end
end

-- name[i] is the i-th { entry's name, entry }.
local function at(self, k)
  if type(k) ~= "number" then return M[k] end
  local sn, e = M.index(self, k)
  return sn and { sn, e } or nil
end

mt = { __index = at, __tostring = M.tostring, __pairs = function(self) return self:each() end, __len = M.count }

return M
