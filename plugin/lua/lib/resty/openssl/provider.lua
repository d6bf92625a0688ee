-- resty.openssl.provider: providers of OpenSSL 3. They serve the whole process, so the default one stays whatever is loaded beside it.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct ossl_provider_st OSSL_PROVIDER;
OSSL_PROVIDER *OSSL_PROVIDER_load(void *libctx, const char *name);
OSSL_PROVIDER *OSSL_PROVIDER_try_load(void *libctx, const char *name, int retain_fallbacks);
int OSSL_PROVIDER_unload(OSSL_PROVIDER *prov);
int OSSL_PROVIDER_available(void *libctx, const char *name);
int OSSL_PROVIDER_self_test(const OSSL_PROVIDER *prov);
int OSSL_PROVIDER_set_default_search_path(void *libctx, const char *path);
int OSSL_PROVIDER_get_params(const OSSL_PROVIDER *prov, OSSL_PARAM params[]);
]]

local M = {}
local mt = { __index = M }
local default

-- load(name): the provider; it is unloaded with the object's unload alone.
function M.load(name, try)
  if type(name) ~= "string" then return nil, "provider.load: expect a string at #1" end
  default = default or C.OSSL_PROVIDER_load(nil, "default")
  local p
  if try then p = C.OSSL_PROVIDER_try_load(nil, name, 1) else p = C.OSSL_PROVIDER_load(nil, name) end
  if p == nil then return crypto.failure("provider.load") end
  return setmetatable({ ctx = p }, mt)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end
function M.is_available(name) return C.OSSL_PROVIDER_available(nil, name) == 1 end

function M.set_default_search_path(path)
  if C.OSSL_PROVIDER_set_default_search_path(nil, path) ~= 1 then return crypto.failure("provider.set_default_search_path") end
  return true
end

function M:unload()
  if self.ctx == nil then return nil, "provider:unload: it is unloaded already" end
  local p = self.ctx
  self.ctx = nil
  if C.OSSL_PROVIDER_unload(p) ~= 1 then return crypto.failure("provider:unload") end
  return true
end

function M:self_test()
  if self.ctx == nil then return nil, "provider:self_test: it is unloaded already" end
  if C.OSSL_PROVIDER_self_test(self.ctx) ~= 1 then return crypto.failure("provider:self_test") end
  return true
end

local TEXT, INTEGER = 6, 1 -- OSSL_PARAM_UTF8_PTR, OSSL_PARAM_INTEGER
local KINDS = { name = TEXT, version = TEXT, buildinfo = TEXT, status = INTEGER }

-- get_params(name, …): one of the provider's parameters, or a table of several.
function M:get_params(...)
  if self.ctx == nil then return nil, "provider:get_params: it is unloaded already" end
  local out, n = {}, select("#", ...)
  for i = 1, n do
    local key = select(i, ...)
    local kind = KINDS[key]
    if not kind then return nil, 'provider:get_params: unknown parameter "' .. tostring(key) .. '"' end
    local value = kind == TEXT and ffi.new("const char *[1]") or ffi.new("int[1]")
    local params = ffi.new("OSSL_PARAM[2]")
    params[0].key, params[0].data_type, params[0].data, params[0].data_size = key, kind, value, ffi.sizeof(value)
    if C.OSSL_PROVIDER_get_params(self.ctx, params) ~= 1 then return crypto.failure("provider:get_params") end
    if kind == INTEGER then out[key] = value[0] elseif value[0] ~= nil then out[key] = ffi.string(value[0]) end
  end
  if n == 1 then return out[(...)] end
  return out
end

return M
