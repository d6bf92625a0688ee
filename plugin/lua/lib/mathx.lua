-- mathx: more functions of the C library for numbers
local M = {}
for k, v in pairs(math) do M[k] = v end
local ffi = require "ffi"
local unary = { "acosh", "asinh", "atanh", "cbrt", "erf", "erfc", "exp2", "expm1", "lgamma", "log1p", "log2", "logb", "nearbyint", "rint", "round",
  "tgamma", "trunc" }
local binary = { "copysign", "fdim", "fmax", "fmin", "hypot", "nextafter", "remainder" }
for _, name in ipairs(unary) do
  ffi.cdef("double " .. name .. "(double);")
  M[name] = function(x) return ffi.C[name](x) end
end
for _, name in ipairs(binary) do
  ffi.cdef("double " .. name .. "(double, double);")
  M[name] = function(x, y) return ffi.C[name](x, y) end
end
M.gamma = M.tgamma
M.infinity = math.huge
M.nan = 0 / 0
function M.isnan(x) return x ~= x end
function M.isinf(x) return x == math.huge or x == -math.huge end
function M.isfinite(x) return x == x and not M.isinf(x) end
return M
