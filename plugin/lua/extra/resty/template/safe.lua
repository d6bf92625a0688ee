-- resty.template.safe: resty.template whose functions give nil and a text where the others raise errors.
local template = require "resty.template"
local pcall, setmetatable, type = pcall, setmetatable, type

local function result(ok, ...)
  if ok then return ... end
  return nil, (...)
end

local M = {}
for _, name in ipairs { "process", "process_file", "process_string", "render", "render_file", "render_string" } do
  local f = template[name]
  M[name] = function(...) return result(pcall(f, ...)) end
end
for _, name in ipairs { "compile", "compile_file", "compile_string" } do
  local f = template[name]
  M[name] = function(...)
    local ok, compiled, cached = pcall(f, ...)
    if not ok then return nil, compiled end
    return function(...) return result(pcall(compiled, ...)) end, cached
  end
end
for _, name in ipairs { "parse", "precompile" } do
  local f = template[name]
  M[name] = function(...) return result(pcall(f, ...)) end
end

return setmetatable(M, { __index = template, __newindex = function(_, k, v) if type(k) == "string" then template[k] = v end end })
