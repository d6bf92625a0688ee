-- resty.openssl.x509.chain: certificates in an order.
local crypto = require "gibbon.crypto"
local x509 = require "resty.openssl.x509"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
OPENSSL_STACK *OPENSSL_sk_new_null(void);
void OPENSSL_sk_free(OPENSSL_STACK *s);
int OPENSSL_sk_push(OPENSSL_STACK *s, const void *data);
int OPENSSL_sk_num(const OPENSSL_STACK *s);
void *OPENSSL_sk_value(const OPENSSL_STACK *s, int i);
]]

local M = {}
local mt = {
  __index = function(self, k)
    if type(k) == "number" then return rawget(self, "list")[k] end
    return M[k]
  end,
  __len = function(self) return #self.list end,
  __ipairs = function(self) return ipairs(self.list) end,
}

function M.new() return setmetatable({ ctx = ffi.gc(C.OPENSSL_sk_new_null(), C.OPENSSL_sk_free), list = {} }, mt) end
function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

-- adopt(p) copies a stack of X509.
function M.adopt(p)
  local chain = M.new()
  for i = 0, C.OPENSSL_sk_num(p) - 1 do chain:add(x509.dup(ffi.cast("X509 *", C.OPENSSL_sk_value(p, i)))) end
  return chain
end

-- dup(chain): another one of the same certificates; of a pointer, too.
function M.dup(other)
  if not M.istype(other) then return M.adopt(other) end
  local chain = M.new()
  for _, cert in ipairs(other.list) do chain:add(cert) end
  return chain
end

function M:add(cert)
  if not x509.istype(cert) then return nil, "x509.chain:add: expect a x509 instance at #1" end
  self.list[#self.list + 1] = cert -- keeps it alive
  C.OPENSSL_sk_push(self.ctx, cert.ctx)
  return true
end

function M:count() return #self.list end
function M:all() return { unpack(self.list) } end
function M:index(i) return self.list[i] end
function M:each()
  local i = 0
  return function()
    i = i + 1
    if self.list[i] then return i, self.list[i] end
  end
end

return M
