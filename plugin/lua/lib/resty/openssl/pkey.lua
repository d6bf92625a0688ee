-- resty.openssl.pkey: RSA, EC and Edwards keys: read, made, written, used.
local crypto = require "gibbon.crypto"
local jwk = require "gibbon.jwk"
local bn = require "resty.openssl.bn"
local digest_lib = require "resty.openssl.digest"
local ffi = require "ffi"
local C = crypto.C

local M = {}
local mt = { __index = M, __tostring = function(self) return self:tostring() end }
local size = ffi.new("size_t[1]")

M.PADDINGS = { RSA_PKCS1_PADDING = 1, RSA_SSLV23_PADDING = 2, RSA_NO_PADDING = 3, RSA_PKCS1_OAEP_PADDING = 4, RSA_X931_PADDING = 5,
  RSA_PKCS1_PSS_PADDING = 6 }
for k, v in pairs(M.PADDINGS) do M[k] = v end

local TYPES = { [6] = { id = 6, nid = 6, sn = "rsaEncryption", ln = "rsaEncryption" }, [408] = { id = 408, nid = 408, sn = "id-ecPublicKey",
  ln = "id-ecPublicKey" }, [1034] = { id = 1034, nid = 1034, sn = "X25519", ln = "X25519" }, [1035] = { id = 1035, nid = 1035, sn = "X448", ln = "X448" },
  [1087] = { id = 1087, nid = 1087, sn = "ED25519", ln = "ED25519" }, [1088] = { id = 1088, nid = 1088, sn = "ED448", ln = "ED448" } }
local EDWARDS = { [1087] = true, [1088] = true }

local function wrap(p, private)
  local id = C.EVP_PKEY_get_base_id(p)
  return setmetatable({ ctx = ffi.gc(p, C.EVP_PKEY_free), key_type = id, private = private, key_size = C.EVP_PKEY_get_size(p),
    key_type_is_ecx = id >= 1034 and id <= 1088 }, mt)
end
M.adopt = wrap

local function first(...)
  for i = 1, select("#", ...), 2 do
    local read, private = select(i, ...), select(i + 1, ...)
    local p = read()
    if p ~= nil then return wrap(p, private) end
  end
end

local function read_text(s, o)
  local format, kind = o.format or "*", o.type or "*"
  if format == "JWK" or (format == "*" and s:sub(1, 1) == "{") then
    local t, err = require("cjson.safe").decode(s)
    if type(t) ~= "table" then return nil, "pkey.new: error decoding JSON from JWK: " .. tostring(err) end
    local d, private = jwk.to_der(t)
    if not d then return nil, "pkey.new: failed to construct from JWK: " .. private end
    s, format, kind = d, "DER", private and "pr" or "pu"
  end
  local pass = o.passphrase or (o.passphrase_cb and o.passphrase_cb()) or ""
  local function pem_private() return C.PEM_read_bio_PrivateKey(crypto.bio(s), nil, nil, ffi.cast("void *", ffi.cast("const char *", pass))) end
  local function pem_public() return C.PEM_read_bio_PUBKEY(crypto.bio(s), nil, nil, nil) end
  local function der_private() return C.d2i_PrivateKey_bio(crypto.bio(s), nil) end
  local function der_public() return C.d2i_PUBKEY_bio(crypto.bio(s), nil) end
  local function none() return nil end
  local pem, der = format ~= "DER", format ~= "PEM"
  local pr, pu = kind ~= "pu", kind ~= "pr"
  local key = first(pem and pr and pem_private or none, true, pem and pu and pem_public or none, false, der and pr and der_private or none, true,
    der and pu and der_public or none, false)
  if not key then return crypto.failure("pkey.new:load_key") end
  C.ERR_clear_error()
  return key
end

local function generate(o)
  local name = o.type or "RSA"
  local curve = name:upper() == "EC" and (o.curve or "prime256v1")
  local ctx = C.EVP_PKEY_CTX_new_from_name(nil, name, nil)
  if ctx == nil then return nil, "pkey.new: unsupported type " .. name end
  ctx = ffi.gc(ctx, C.EVP_PKEY_CTX_free)
  if C.EVP_PKEY_keygen_init(ctx) ~= 1 then return crypto.failure("pkey.new") end
  local ok = 1
  if curve then ok = C.EVP_PKEY_CTX_ctrl_str(ctx, "ec_paramgen_curve", curve)
  elseif name:upper() == "RSA" then
    ok = C.EVP_PKEY_CTX_ctrl_str(ctx, "rsa_keygen_bits", tostring(o.bits or 2048))
    if o.exp then C.EVP_PKEY_CTX_ctrl_str(ctx, "rsa_keygen_pubexp", tostring(o.exp)) end
  end
  if ok ~= 1 then return crypto.failure("pkey.new") end
  local p = ffi.new("EVP_PKEY *[1]")
  if C.EVP_PKEY_keygen(ctx, p) ~= 1 then return crypto.failure("pkey.new") end
  return wrap(p[0], true)
end

-- new(text, { format =, type =, passphrase = }) reads a key; new { type =, bits =, curve = } makes one.
function M.new(s, opts)
  if type(s) == "string" then return read_text(s, opts or {}) end
  if type(s) == "number" then s = tostring(s) end
  if s == nil or type(s) == "table" then
    if s and s.params then
      local t = {}
      for k, v in pairs(s.params) do t[k] = bn.istype(v) and jwk.b64(v:to_binary()) or v end
      t.kty = s.type
      local d, private = jwk.to_der(t)
      if not d then return nil, "pkey.new: " .. private end
      return read_text(d, { format = "DER", type = private and "pr" or "pu" })
    end
    return generate(s or {})
  end
  return nil, "pkey.new: unexpected type " .. type(s) .. " at #1"
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:get_key_type(nid_only)
  local t = TYPES[self.key_type] or { id = self.key_type, nid = self.key_type }
  if nid_only then return t.nid end
  return t
end

function M:is_private() return self.private end
function M:get_size() return self.key_size end

local function number(self, name)
  local p = ffi.new("BIGNUM *[1]")
  if C.EVP_PKEY_get_bn_param(self.ctx, name, p) ~= 1 then
    C.ERR_clear_error()
    return nil
  end
  return bn.adopt(p[0])
end

local function raw(self, name)
  local buf = ffi.new("unsigned char[256]")
  if C.EVP_PKEY_get_octet_string_param(self.ctx, name, buf, 256, size) ~= 1 then
    C.ERR_clear_error()
    return nil
  end
  return ffi.string(buf, size[0])
end

local RSA_NAMES = { n = "n", e = "e", d = "d", p = "rsa-factor1", q = "rsa-factor2", dmp1 = "rsa-exponent1", dmq1 = "rsa-exponent2",
  iqmp = "rsa-coefficient1" }

local function group(self)
  local buf = ffi.new("char[80]")
  if C.EVP_PKEY_get_group_name(self.ctx, buf, 80, size) ~= 1 then return nil end
  return ffi.string(buf, size[0])
end

-- get_parameters(): numbers of RSA and EC keys, bytes of Edwards keys.
function M:get_parameters()
  local t = {}
  if self.key_type == 6 then
    for k, name in pairs(RSA_NAMES) do t[k] = number(self, name) end
  elseif self.key_type == 408 then
    t.x, t.y, t.private, t.group = number(self, "qx"), number(self, "qy"), number(self, "priv"), group(self)
    t.public = bn.from_binary(raw(self, "pub") or "")
  else
    t.public, t.private = raw(self, "pub"), raw(self, "priv")
  end
  return t
end

local function to_jwk(self, private)
  local b64, p = jwk.b64, self:get_parameters()
  local out
  if self.key_type == 6 then
    out = { kty = "RSA", n = b64(p.n:to_binary()), e = b64(p.e:to_binary()) }
    if private then
      for to, from in pairs { d = "d", p = "p", q = "q", dp = "dmp1", dq = "dmq1", qi = "iqmp" } do out[to] = b64(p[from]:to_binary()) end
    end
  elseif self.key_type == 408 then
    for name, c in pairs(jwk.CURVES) do
      if c[3] == p.group then
        out = { kty = "EC", crv = name, x = b64(p.x:to_binary(c[2])), y = b64(p.y:to_binary(c[2])) }
        if private then out.d = b64(p.private:to_binary(c[2])) end
      end
    end
    if not out then return nil, "pkey:tostring: curve " .. tostring(p.group) .. " has no name in JWK" end
  else
    local name = self:get_key_type().sn:gsub("^ED", "Ed")
    out = { kty = "OKP", crv = name, x = b64(p.public) }
    if private then out.d = b64(p.private) end
  end
  out.kid = jwk.thumbprint(out)
  return require("cjson.safe").encode(out)
end

-- tostring("public" or "private", "PEM", "DER" or "JWK", pkcs1)
function M:tostring(kind, format, pkcs1)
  format = (format or "PEM"):upper()
  local private = kind == "private" or kind == "PrivateKey"
  if private and not self.private then return nil, "pkey:tostring: not a private key" end
  if format == "JWK" then return to_jwk(self, private) end
  local text
  if format == "DER" then
    text = crypto.text(private and C.i2d_PrivateKey_bio or C.i2d_PUBKEY_bio, self.ctx)
  elseif private then
    text = crypto.text(pkcs1 and C.PEM_write_bio_PrivateKey_traditional or C.PEM_write_bio_PrivateKey, self.ctx, nil, nil, 0, nil, nil)
  else
    text = crypto.text(C.PEM_write_bio_PUBKEY, self.ctx)
  end
  if not text then return crypto.failure("pkey:tostring") end
  return text
end

function M:to_PEM(kind, pkcs1) return self:tostring(kind, "PEM", pkcs1) end

-- ---- signatures ----

local function options(ctx, self, padding, o)
  if padding and self.key_type == 6 and C.EVP_PKEY_CTX_set_rsa_padding(ctx, padding) ~= 1 then return crypto.failure("pkey: padding") end
  if o and o.pss_saltlen and padding == M.PADDINGS.RSA_PKCS1_PSS_PADDING then
    if C.EVP_PKEY_CTX_ctrl_str(ctx, "rsa_pss_saltlen", tostring(o.pss_saltlen)) ~= 1 then return crypto.failure("pkey: pss_saltlen") end
  end
  return true
end

local function message_ctx(self, init, md_alg, padding, o, where)
  local md = nil
  if not EDWARDS[self.key_type] then
    md = crypto.digest(md_alg or "sha256")
    if not md then return nil, where .. ': invalid digest type "' .. tostring(md_alg) .. '"' end
  end
  local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  local pctx = ffi.new("EVP_PKEY_CTX *[1]")
  if init(ctx, pctx, md, nil, self.ctx) ~= 1 then return crypto.failure(where) end
  local ok, err = options(pctx[0], self, padding, o)
  if not ok then return nil, err end
  return ctx
end

local function hash_ctx(self, init, digest, padding, o, where)
  local ctx = ffi.gc(C.EVP_PKEY_CTX_new(self.ctx, nil), C.EVP_PKEY_CTX_free)
  if init(ctx) ~= 1 then return crypto.failure(where) end
  local ok, err = options(ctx, self, padding, o)
  if not ok then return nil, err end
  if C.EVP_PKEY_CTX_set_signature_md(ctx, digest.md) ~= 1 then return crypto.failure(where) end
  return ctx
end

local function half(self) return math.floor((C.EVP_PKEY_get_bits(self.ctx) + 7) / 8) end

-- sign(digest or text, md, padding, { ecdsa_use_raw = })
function M:sign(data, md_alg, padding, o)
  if not self.private then return nil, "pkey:sign: not a private key" end
  local n = self.key_size
  local buf = ffi.new("unsigned char[?]", n)
  size[0] = n
  if digest_lib.istype(data) then
    local ctx, err = hash_ctx(self, C.EVP_PKEY_sign_init, data, padding, o, "pkey:sign")
    if not ctx then return nil, err end
    local hash = data:final()
    size[0] = n
    if C.EVP_PKEY_sign(ctx, buf, size, hash, #hash) ~= 1 then return crypto.failure("pkey:sign") end
  elseif type(data) == "string" then
    local ctx, err = message_ctx(self, C.EVP_DigestSignInit, md_alg, padding, o, "pkey:sign")
    if not ctx then return nil, err end
    if C.EVP_DigestSign(ctx, buf, size, data, #data) ~= 1 then return crypto.failure("pkey:sign") end
  else
    return nil, "pkey:sign: expect a digest instance or a string at #1"
  end
  local sig = ffi.string(buf, size[0])
  if o and o.ecdsa_use_raw and self.key_type == 408 then return jwk.der_to_raw(sig, half(self)) end
  return sig
end

function M:verify(sig, data, md_alg, padding, o)
  if type(sig) ~= "string" then return nil, "pkey:verify: expect a string at #1" end
  if o and o.ecdsa_use_raw and self.key_type == 408 then sig = jwk.raw_to_der(sig) end
  local ok
  if digest_lib.istype(data) then
    local ctx, err = hash_ctx(self, C.EVP_PKEY_verify_init, data, padding, o, "pkey:verify")
    if not ctx then return nil, err end
    local hash = data:final()
    ok = C.EVP_PKEY_verify(ctx, sig, #sig, hash, #hash)
  elseif type(data) == "string" then
    local ctx, err = message_ctx(self, C.EVP_DigestVerifyInit, md_alg, padding, o, "pkey:verify")
    if not ctx then return nil, err end
    ok = C.EVP_DigestVerify(ctx, sig, #sig, data, #data)
  else
    return nil, "pkey:verify: expect a digest instance or a string at #2"
  end
  if ok == 1 then return true end
  C.ERR_clear_error()
  return false
end

-- ---- asymmetric encryption, key agreement ----

local function transform(where, init, run)
  return function(self, data, padding, opts)
    local ctx = ffi.gc(C.EVP_PKEY_CTX_new(self.ctx, nil), C.EVP_PKEY_CTX_free)
    if init(ctx) ~= 1 then return crypto.failure(where) end
    if self.key_type == 6 and C.EVP_PKEY_CTX_set_rsa_padding(ctx, padding or 1) ~= 1 then return crypto.failure(where) end
    if opts and opts.oaep_md and C.EVP_PKEY_CTX_ctrl_str(ctx, "rsa_oaep_md", opts.oaep_md) ~= 1 then return crypto.failure(where) end
    local n = math.max(self.key_size, #data)
    local buf = ffi.new("unsigned char[?]", n)
    size[0] = n
    if run(ctx, buf, size, data, #data) ~= 1 then return crypto.failure(where) end
    return ffi.string(buf, size[0])
  end
end

M.encrypt = transform("pkey:encrypt", C.EVP_PKEY_encrypt_init, C.EVP_PKEY_encrypt)
M.decrypt = transform("pkey:decrypt", C.EVP_PKEY_decrypt_init, C.EVP_PKEY_decrypt)
M.sign_raw = transform("pkey:sign_raw", C.EVP_PKEY_sign_init, C.EVP_PKEY_sign)
M.verify_recover = transform("pkey:verify_recover", C.EVP_PKEY_verify_recover_init, C.EVP_PKEY_verify_recover)

function M:derive(peer)
  local ctx = ffi.gc(C.EVP_PKEY_CTX_new(self.ctx, nil), C.EVP_PKEY_CTX_free)
  if C.EVP_PKEY_derive_init(ctx) ~= 1 or C.EVP_PKEY_derive_set_peer(ctx, peer.ctx) ~= 1 then return crypto.failure("pkey:derive") end
  local buf = ffi.new("unsigned char[256]")
  size[0] = 256
  if C.EVP_PKEY_derive(ctx, buf, size) ~= 1 then return crypto.failure("pkey:derive") end
  return ffi.string(buf, size[0])
end

function M.get_default_digest_type() return { id = 672, nid = 672, sn = "SHA256", ln = "sha256", digest_type = "sha256" } end
function M.get_provider_name() return "default" end

-- paramgen and the like of older versions are not needed: new takes their options.
return M
