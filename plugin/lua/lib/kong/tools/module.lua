-- kong.tools.module: modules that may not be there
local M = {}

-- load_module_if_exists(name): true, module; false, text where there is none; a broken module is an error.
function M.load_module_if_exists(name)
  local ok, res = pcall(require, name)
  if ok then return true, res end
  if type(res) == "string" and res:find("module '" .. name .. "' not found", 1, true) then return false, res end
  error("error loading module '" .. name .. "':\n" .. tostring(res), 2)
end

return M
