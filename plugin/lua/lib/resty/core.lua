-- resty.core: the API is there already; Debian's module of this name belongs to nginx and must not be loaded here.
local M = { version = "0.1.28" }
M.base_version = M.version
return M
