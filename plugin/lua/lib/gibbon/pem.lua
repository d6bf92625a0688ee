-- Certificates and keys as values: a small cdata stands for PEM text, as OpenSSL's pointers do in the reference.
local ffi = require "ffi"

pcall(ffi.cdef, "typedef struct { int kind; } gibbon_pem;")
local new = ffi.typeof("gibbon_pem")
local texts = setmetatable({}, { __mode = "k" })

local M = {}

-- wrap(text) gives the value for a PEM text.
function M.wrap(text)
  local v = new(1)
  texts[v] = text
  return v
end

-- of(value) is the PEM text of a value: wrap's, a PEM string, what ngx.ssl parsed, or an object of resty.openssl. nil for
-- anything else.
function M.of(v)
  if type(v) == "string" then return v:find("-----BEGIN ", 1, true) and v or nil end
  if type(v) == "cdata" then return texts[v] or require("gibbon.pem_openssl").of(v) end
  if type(v) == "table" and type(v.to_PEM) == "function" then
    return (v:to_PEM("private")) or (v:to_PEM())
  end
  if type(v) == "table" and type(v.ctx) == "cdata" then return require("gibbon.pem_openssl").of(v.ctx) end
end

-- parsed(value) is the text of a parsed certificate or key only, as ngx.ssl gives them; nil for strings and objects.
function M.parsed(v) return type(v) == "cdata" and M.of(v) or nil end

return M
