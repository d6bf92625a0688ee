-- resty.openssl.x509: certificates, read and made.
local crypto = require "gibbon.crypto"
local bn = require "resty.openssl.bn"
local pkey = require "resty.openssl.pkey"
local name_lib = require "resty.openssl.x509.name"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct tm gibbon_unused_tm;
struct gibbon_tm { int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst; long gmtoff; const char *zone; };
X509 *X509_new(void);
void X509_free(X509 *a);
X509 *X509_dup(X509 *a);
int X509_up_ref(X509 *a);
X509 *PEM_read_bio_X509(BIO *bp, X509 **x, void *cb, void *u);
int PEM_write_bio_X509(BIO *bp, X509 *x);
X509 *d2i_X509_bio(BIO *bp, X509 **x);
int i2d_X509_bio(BIO *bp, X509 *x);
long X509_get_version(const X509 *x);
int X509_set_version(X509 *x, long version);
ASN1_STRING *X509_get_serialNumber(X509 *x);
int X509_set_serialNumber(X509 *x, ASN1_STRING *serial);
X509_NAME *X509_get_subject_name(const X509 *a);
X509_NAME *X509_get_issuer_name(const X509 *a);
int X509_set_subject_name(X509 *x, const X509_NAME *name);
int X509_set_issuer_name(X509 *x, const X509_NAME *name);
const ASN1_STRING *X509_get0_notBefore(const X509 *x);
const ASN1_STRING *X509_get0_notAfter(const X509 *x);
int X509_set1_notBefore(X509 *x, const ASN1_STRING *tm);
int X509_set1_notAfter(X509 *x, const ASN1_STRING *tm);
ASN1_STRING *ASN1_TIME_set(ASN1_STRING *s, long t);
int ASN1_TIME_diff(int *pday, int *psec, const ASN1_STRING *from, const ASN1_STRING *to);
EVP_PKEY *X509_get_pubkey(X509 *x);
int X509_set_pubkey(X509 *x, EVP_PKEY *pkey);
int X509_sign(X509 *x, EVP_PKEY *pkey, const EVP_MD *md);
int X509_verify(X509 *a, EVP_PKEY *r);
int X509_check_private_key(const X509 *x, const EVP_PKEY *k);
int X509_digest(const X509 *data, const EVP_MD *type, unsigned char *md, unsigned int *len);
int X509_pubkey_digest(const X509 *data, const EVP_MD *type, unsigned char *md, unsigned int *len);
int X509_get_signature_nid(const X509 *x);
const char *OBJ_nid2sn(int n);
const char *OBJ_nid2ln(int n);
int OBJ_txt2nid(const char *s);
int X509_check_host(X509 *x, const char *chk, size_t chklen, unsigned int flags, char **peername);
int X509_check_ca(X509 *x);
long X509_get_pathlen(X509 *x);
int X509_cmp(const X509 *a, const X509 *b);
int X509_get_ext_by_NID(const X509 *x, int nid, int lastpos);
X509_EXTENSION *X509_get_ext(const X509 *x, int loc);
int X509_get_ext_count(const X509 *x);
int X509_add_ext(X509 *x, X509_EXTENSION *ex, int loc);
ASN1_STRING *X509_EXTENSION_get_data(X509_EXTENSION *ne);
int X509_EXTENSION_get_critical(const X509_EXTENSION *ex);
int X509V3_EXT_print(BIO *out, X509_EXTENSION *ext, unsigned long flag, int indent);
X509_EXTENSION *X509V3_EXT_conf_nid(void *conf, void *ctx, int ext_nid, const char *value);
void X509_EXTENSION_free(X509_EXTENSION *a);
const unsigned char *ASN1_STRING_get0_data(const ASN1_STRING *x);
int ASN1_STRING_length(const ASN1_STRING *x);
]]

local M = {}
local mt = { __index = M, __tostring = function(self) return (self:tostring()) end }

-- adopt(p) is the object of an X509 that is now its own.
local function adopt(p) return setmetatable({ ctx = ffi.gc(p, C.X509_free) }, mt) end
M.adopt = adopt

function M.dup(p)
  if type(p) == "table" then p = p.ctx end
  return adopt(C.X509_dup(p))
end

-- new(text, "PEM" or "DER") reads a certificate; new() makes an empty one.
function M.new(s, format)
  if s == nil then return adopt(C.X509_new()) end
  if type(s) ~= "string" then return nil, "x509.new: expect nil or a string at #1" end
  local p
  if format ~= "DER" then p = C.PEM_read_bio_X509(crypto.bio(s), nil, nil, nil) end
  if p == nil and format ~= "PEM" then p = C.d2i_X509_bio(crypto.bio(s), nil) end
  if p == nil then return crypto.failure("x509.new") end
  C.ERR_clear_error()
  return adopt(p)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

mt.__eq = function(a, b) return C.X509_cmp(a.ctx, b.ctx) == 0 end

function M:tostring(format)
  local text = crypto.text(format == "DER" and C.i2d_X509_bio or C.PEM_write_bio_X509, self.ctx)
  if not text then return crypto.failure("x509:tostring") end
  return text
end

function M:to_PEM() return self:tostring "PEM" end

-- ---- what it says ----

function M:get_version() return tonumber(C.X509_get_version(self.ctx)) + 1 end
function M:get_serial_number() return bn.adopt(C.ASN1_INTEGER_to_BN(C.X509_get_serialNumber(self.ctx), nil)) end
function M:get_subject_name() return name_lib.dup(C.X509_get_subject_name(self.ctx)) end
function M:get_issuer_name() return name_lib.dup(C.X509_get_issuer_name(self.ctx)) end

local day, second = ffi.new("int[1]"), ffi.new("int[1]")
local epoch

local function unix(time)
  epoch = epoch or C.ASN1_TIME_set(nil, 0)
  if C.ASN1_TIME_diff(day, second, epoch, time) ~= 1 then return crypto.failure("x509: time") end
  return day[0] * 86400 + second[0]
end

function M:get_not_before() return unix(C.X509_get0_notBefore(self.ctx)) end
function M:get_not_after() return unix(C.X509_get0_notAfter(self.ctx)) end

function M:get_lifetime()
  local from, err = self:get_not_before()
  if not from then return nil, nil, err end
  return from, self:get_not_after()
end

function M:get_pubkey()
  local p = C.X509_get_pubkey(self.ctx)
  if p == nil then return crypto.failure("x509:get_pubkey") end
  return pkey.adopt(p, false)
end

function M:get_signature_nid() return C.X509_get_signature_nid(self.ctx) end
function M:get_signature_name()
  local nid = C.X509_get_signature_nid(self.ctx)
  return nid > 0 and ffi.string(C.OBJ_nid2sn(nid)) or nil
end
function M:get_signature_digest_name()
  local sn = self:get_signature_name()
  return sn and (sn:match("SHA%d+") or sn:match("MD5")) or nil
end

local buf, n = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")

local function digest_of(how, where)
  return function(self, name)
    local md = crypto.digest(name or "sha1")
    if not md then return nil, where .. ': invalid digest type "' .. tostring(name) .. '"' end
    if how(self.ctx, md, buf, n) ~= 1 then return crypto.failure(where) end
    return ffi.string(buf, n[0])
  end
end
M.digest, M.pubkey_digest = digest_of(C.X509_digest, "x509:digest"), digest_of(C.X509_pubkey_digest, "x509:pubkey_digest")

-- ---- extensions ----

local function extension_text(ext)
  local text = crypto.text(function(b, e) return C.X509V3_EXT_print(b, e, 0, 0) end, ext)
  return text
end

local function find_extension(self, what, last)
  local nid = type(what) == "number" and what or C.OBJ_txt2nid(what)
  if nid == 0 then return nil, nil, 'x509:get_extension: invalid NID text "' .. tostring(what) .. '"' end
  local at = C.X509_get_ext_by_NID(self.ctx, nid, last or -1)
  if at < 0 then return nil end
  return C.X509_get_ext(self.ctx, at), at
end

-- get_extension(name) gives { text() =, data() =, get_critical() = }, its place.
function M:get_extension(what, last)
  local ext, at, err = find_extension(self, what, last and last - 1)
  if not ext then return nil, nil, err end
  local data = C.X509_EXTENSION_get_data(ext)
  local bytes = ffi.string(C.ASN1_STRING_get0_data(data), C.ASN1_STRING_length(data))
  local text, critical = extension_text(ext), C.X509_EXTENSION_get_critical(ext) ~= 0
  return { text = function() return text end, tostring = function() return text end, data = function() return bytes end,
    get_critical = function() return critical end }, at + 1
end

-- get_subject_alt_name() gives a list of { kind, value }, whose pairs are kind and value, with all, count, each and index as methods.
function M:get_subject_alt_name()
  local ext = find_extension(self, "subjectAltName")
  if not ext then return nil end
  local data = C.X509_EXTENSION_get_data(ext)
  local list = require("gibbon.general_names").parse(ffi.string(C.ASN1_STRING_get0_data(data), C.ASN1_STRING_length(data)))
  if not list then return nil, "x509:get_subject_alt_name: the extension is not a list of names" end
  local index = {
    tostring = function() return extension_text(ext) end,
    all = function() local t = {} for i, e in ipairs(list) do t[i] = e[2] end return t end,
    count = function() return #list end,
    each = function(self_)
      local i = 0
      return function()
        i = i + 1
        if self_[i] then return self_[i][1], self_[i][2] end
      end
    end,
    index = function(self_, i) if self_[i] then return self_[i][1], self_[i][2] end end,
  }
  return setmetatable(list, { __index = index, __tostring = index.tostring, __pairs = index.each })
end

function M:get_basic_constraints(what)
  local ext = find_extension(self, "basicConstraints")
  if not ext then return nil end
  local text = extension_text(ext) or ""
  local t = { ca = text:find("CA:TRUE", 1, true) ~= nil, pathlen = tonumber(text:match("pathlen:(%d+)") or 0) }
  if what then return t[what:lower()] end
  return t
end

local function urls(name, pattern)
  return function(self, all)
    local ext = find_extension(self, name)
    if not ext then return nil end
    local list = {}
    for u in (extension_text(ext) or ""):gmatch(pattern) do list[#list + 1] = u end
    if all then return list end
    return list[1]
  end
end
M.get_ocsp_url = urls("authorityInfoAccess", "OCSP %- URI:(%S+)")
M.get_crl_url = urls("crlDistributionPoints", "URI:(%S+)")

function M:get_critical(what)
  local ext = find_extension(self, what)
  return ext and C.X509_EXTENSION_get_critical(ext) ~= 0 or false
end

-- ---- checks ----

function M:verify(key) return C.X509_verify(self.ctx, key.ctx) == 1 end

function M:check_private_key(key)
  if C.X509_check_private_key(self.ctx, key.ctx) == 1 then return true end
  return false, select(2, crypto.failure("x509:check_private_key"))
end

function M:check_host(host) return C.X509_check_host(self.ctx, host, #host, 0, nil) == 1 end
function M:is_ca() return C.X509_check_ca(self.ctx) > 0 end

-- ---- making one ----

local function setter(set, where)
  return function(self, v)
    if set(self.ctx, v) ~= 1 then return crypto.failure(where) end
    return true
  end
end

function M:set_version(v) return setter(C.X509_set_version, "x509:set_version")(self, v - 1) end
function M:set_subject_name(name) return setter(C.X509_set_subject_name, "x509:set_subject_name")(self, name.ctx) end
function M:set_issuer_name(name) return setter(C.X509_set_issuer_name, "x509:set_issuer_name")(self, name.ctx) end
function M:set_pubkey(key) return setter(C.X509_set_pubkey, "x509:set_pubkey")(self, key.ctx) end

function M:set_serial_number(v)
  local s = ffi.gc(C.BN_to_ASN1_INTEGER(v.ctx, nil), C.ASN1_STRING_free)
  return setter(C.X509_set_serialNumber, "x509:set_serial_number")(self, s)
end

local function time_setter(set, where)
  return function(self, t)
    local s = ffi.gc(C.ASN1_TIME_set(nil, t), C.ASN1_STRING_free)
    return setter(set, where)(self, s)
  end
end
M.set_not_before, M.set_not_after = time_setter(C.X509_set1_notBefore, "x509:set_not_before"), time_setter(C.X509_set1_notAfter, "x509:set_not_after")

function M:set_lifetime(from, to)
  local ok, err = self:set_not_before(from)
  if not ok then return nil, err end
  return self:set_not_after(to)
end

-- add_extension(name, value) as openssl.cnf writes it: ("subjectAltName", "DNS:a.test").
function M:add_extension(what, value)
  if type(what) == "table" then what, value = what.name, what.value end
  local ext = C.X509V3_EXT_conf_nid(nil, nil, C.OBJ_txt2nid(what), value)
  if ext == nil then return crypto.failure("x509:add_extension") end
  local ok = C.X509_add_ext(self.ctx, ext, -1)
  C.X509_EXTENSION_free(ext)
  if ok ~= 1 then return crypto.failure("x509:add_extension") end
  return true
end

function M:set_basic_constraints(t)
  return self:add_extension("basicConstraints", "CA:" .. ((t.CA or t.ca) and "TRUE" or "FALSE") .. (t.pathlen and ",pathlen:" .. t.pathlen or ""))
end

function M:set_subject_alt_name(list)
  local out = {}
  for _, e in ipairs(list) do out[#out + 1] = e[1] .. ":" .. e[2] end
  return self:add_extension("subjectAltName", table.concat(out, ","))
end

function M:sign(key, digest)
  local md = crypto.digest(type(digest) == "table" and digest.name or digest or "sha256")
  if key:get_key_type().id > 1080 then md = nil end
  if C.X509_sign(self.ctx, key.ctx, md) <= 0 then return crypto.failure("x509:sign") end
  return true
end

return M
