-- kong.workspaces: there is one, default.
local M = {}
local DEFAULT = "default"

function M.get_workspace_id() return kong.default_workspace end
function M.get_workspace() return { id = kong.default_workspace, name = DEFAULT } end
function M.set_workspace() end
function M.select_workspace_by_name_with_cache(name) return name == DEFAULT and M.get_workspace() or nil end
function M.upsert_default() return M.get_workspace() end

return M
