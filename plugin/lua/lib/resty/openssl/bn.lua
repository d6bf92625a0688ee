-- resty.openssl.bn: big numbers, as keys and serial numbers have them.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct bignum_ctx BN_CTX;
BN_CTX *BN_CTX_new(void);
void BN_CTX_free(BN_CTX *c);
int BN_add(BIGNUM *r, const BIGNUM *a, const BIGNUM *b);
int BN_sub(BIGNUM *r, const BIGNUM *a, const BIGNUM *b);
int BN_mul(BIGNUM *r, const BIGNUM *a, const BIGNUM *b, BN_CTX *ctx);
int BN_div(BIGNUM *dv, BIGNUM *rem, const BIGNUM *m, const BIGNUM *d, BN_CTX *ctx);
int BN_exp(BIGNUM *r, const BIGNUM *a, const BIGNUM *p, BN_CTX *ctx);
int BN_gcd(BIGNUM *r, const BIGNUM *a, const BIGNUM *b, BN_CTX *ctx);
int BN_mod_add(BIGNUM *r, const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *ctx);
int BN_mod_sub(BIGNUM *r, const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *ctx);
int BN_mod_mul(BIGNUM *r, const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *ctx);
int BN_mod_exp(BIGNUM *r, const BIGNUM *a, const BIGNUM *p, const BIGNUM *m, BN_CTX *ctx);
int BN_lshift(BIGNUM *r, const BIGNUM *a, int n);
int BN_rshift(BIGNUM *r, const BIGNUM *a, int n);
int BN_is_zero(const BIGNUM *a);
int BN_is_one(const BIGNUM *a);
int BN_is_odd(const BIGNUM *a);
int BN_is_negative(const BIGNUM *b);
void BN_set_negative(BIGNUM *b, int n);
int BN_check_prime(const BIGNUM *p, BN_CTX *ctx, void *cb);
]]

local M = {}
local mt = { __index = M }

local function wrap(p)
  if p == nil then return crypto.failure("bn.new") end
  return setmetatable({ ctx = ffi.gc(p, C.BN_free) }, mt)
end

-- adopt(p) is the object of a BIGNUM that is now its own; dup(p) of a copy.
M.adopt = wrap
function M.dup(p) return wrap(C.BN_dup(type(p) == "table" and p.ctx or p)) end

function M.from_binary(s) return wrap(C.BN_bin2bn(s, #s, nil)) end

local function read(how, s)
  local p = ffi.new("BIGNUM *[1]")
  if how(p, s) == 0 then return nil, "bn: not a number: " .. tostring(s) end
  return wrap(p[0])
end
function M.from_hex(s) return read(C.BN_hex2bn, s) end
function M.from_dec(s) return read(C.BN_dec2bn, s) end

function M.new(v, base)
  if v == nil then return wrap(C.BN_new()) end
  if M.istype(v) then return M.dup(v) end
  if type(v) == "number" then return M.from_dec(("%.0f"):format(v)) end
  if base == 16 then return M.from_hex(v) end
  if base == 2 then return M.from_binary(v) end
  return M.from_dec(v)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:to_binary(pad)
  local n = math.floor((C.BN_num_bits(self.ctx) + 7) / 8)
  if pad and pad > n then n = pad end
  local buf = ffi.new("unsigned char[?]", n > 0 and n or 1)
  if C.BN_bn2binpad(self.ctx, buf, n) < 0 then return crypto.failure("bn:to_binary") end
  return ffi.string(buf, n)
end

local function print(how)
  return function(self)
    local p = how(self.ctx)
    if p == nil then return crypto.failure("bn") end
    local s = ffi.string(p)
    crypto.free_string(p)
    return s
  end
end
M.to_hex, M.to_dec = print(C.BN_bn2hex), print(C.BN_bn2dec)
M.tostring = M.to_dec

function M:to_number() return tonumber((self:to_dec())) end
M.tonumber = M.to_number

-- ---- arithmetic ----

-- No result, and no operand of what takes long, has more bits: a call of libcrypto cannot be interrupted.
local MAX_BITS, SLOW_BITS = 2 ^ 20, 2 ^ 13
local scratch

-- operand(v, where): v as a bn, which may be a number; nil and why not.
local function operand(v, where)
  if type(v) == "number" then v = M.new(v) end
  if not M.istype(v) then return nil, where .. ": expect a bn instance or a number" end
  return v
end

local function bits(v) return C.BN_num_bits(v.ctx) end

-- operation(name, n, run, size): a function of n operands whose result has size(...) bits at most. run(r, ctx, ...) gives 1 when it
-- could. Metamethods raise what it returns as an error.
local function operation(name, n, run, size)
  local where = "bn:" .. name
  return function(...)
    local v = { ... }
    for i = 1, n do
      local b, err = operand(v[i], where)
      if not b then return nil, err end
      v[i] = b
    end
    if size(v[1], v[2], v[3]) > MAX_BITS then return nil, where .. ": the result is too large" end
    scratch = scratch or ffi.gc(C.BN_CTX_new(), C.BN_CTX_free)
    local r = C.BN_new()
    if run(r, scratch, v[1].ctx, v[2] and v[2].ctx, v[3] and v[3].ctx) ~= 1 then
      C.BN_free(r)
      return crypto.failure(where)
    end
    return wrap(r)
  end
end

local function largest(a, b, m) return math.max(bits(a), bits(b), m and bits(m) or 0) + 1 end

local function sum(a, b) return bits(a) + bits(b) end
local function slow(a, b, m) return largest(a, b, m) > SLOW_BITS and math.huge or 0 end

M.add = operation("add", 2, function(r, _, a, b) return C.BN_add(r, a, b) end, largest)
M.sub = operation("sub", 2, function(r, _, a, b) return C.BN_sub(r, a, b) end, largest)
M.mul = operation("mul", 2, function(r, ctx, a, b) return C.BN_mul(r, a, b, ctx) end, sum)
M.idiv = operation("div", 2, function(r, ctx, a, b) return C.BN_div(r, nil, a, b, ctx) end, largest)
M.div = M.idiv
M.mod = operation("mod", 2, function(r, ctx, a, b) return C.BN_div(nil, r, a, b, ctx) end, largest)
M.gcd = operation("gcd", 2, function(r, ctx, a, b) return C.BN_gcd(r, a, b, ctx) end, slow)
M.exp = operation("exp", 2, function(r, ctx, a, b) return C.BN_exp(r, a, b, ctx) end, function(a, b)
  if bits(b) > 20 then return bits(a) <= 1 and 0 or math.huge end
  return bits(a) * b:to_number()
end)
M.pow = M.exp
M.mod_add = operation("mod_add", 3, function(r, ctx, a, b, m) return C.BN_mod_add(r, a, b, m, ctx) end, largest)
M.mod_sub = operation("mod_sub", 3, function(r, ctx, a, b, m) return C.BN_mod_sub(r, a, b, m, ctx) end, largest)
M.mod_mul = operation("mod_mul", 3, function(r, ctx, a, b, m) return C.BN_mod_mul(r, a, b, m, ctx) end, sum)
M.mod_exp = operation("mod_exp", 3, function(r, ctx, a, b, m) return C.BN_mod_exp(r, a, b, m, ctx) end, slow)
M.mod_pow = M.mod_exp
function M.sqr(a) return M.mul(a, a) end
function M.mod_sqr(a, m) return M.mod_mul(a, a, m) end

local function shift(name, run, grows)
  return function(a, n)
    local v, err = operand(a, "bn:" .. name)
    if not v then return nil, err end
    if type(n) ~= "number" or n < 0 or n > MAX_BITS or grows and n + bits(v) > MAX_BITS then return nil, "bn:" .. name .. ": expect a number of bits at #2" end
    local r = C.BN_new()
    run(r, v.ctx, n)
    return wrap(r)
  end
end
M.lshift, M.rshift = shift("lshift", C.BN_lshift, true), shift("rshift", C.BN_rshift)

function M:is_zero() return C.BN_is_zero(self.ctx) == 1 end
function M:is_one() return C.BN_is_one(self.ctx) == 1 end
function M:is_odd() return C.BN_is_odd(self.ctx) == 1 end

function M:is_word(n)
  local v, err = operand(n, "bn:is_word")
  if not v then return nil, err end
  return C.BN_cmp(self.ctx, v.ctx) == 0
end

function M:is_prime()
  if bits(self) > SLOW_BITS then return nil, "bn:is_prime: the number is too large" end
  local r = C.BN_check_prime(self.ctx, nil, nil)
  if r < 0 then return crypto.failure("bn:is_prime") end
  return r == 1
end

-- raising(f): f as a metamethod.
local function raising(f)
  return function(a, b)
    local r, err = f(a, b)
    if not r then error(err, 2) end
    return r
  end
end
mt.__add, mt.__sub, mt.__mul, mt.__div, mt.__mod = raising(M.add), raising(M.sub), raising(M.mul), raising(M.idiv), raising(M.mod)

mt.__unm = function(a)
  local r = M.dup(a)
  C.BN_set_negative(r.ctx, C.BN_is_negative(a.ctx) == 1 and 0 or 1)
  return r
end

mt.__tostring = M.to_dec
mt.__eq = function(a, b) return C.BN_cmp(a.ctx, b.ctx) == 0 end
mt.__lt = function(a, b) return C.BN_cmp(a.ctx, b.ctx) < 0 end
mt.__le = function(a, b) return C.BN_cmp(a.ctx, b.ctx) <= 0 end

return M
