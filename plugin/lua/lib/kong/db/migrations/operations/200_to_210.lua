-- kong.db.migrations.operations.200_to_210: what migrations of plugins use to give their tables workspaces. Tables of this gateway's
-- plugins have them from the beginning, so there is nothing to do.
local M = {}

local function nothing() return { up = "", teardown = function() return true end } end

function M.ws_migrate_plugin() return { postgres = nothing(), cassandra = nothing() } end

M.postgres = { up = "", teardown = function() return true end }
M.postgres.up_workspaces, M.postgres.teardown_workspaces = M.postgres.up, M.postgres.teardown
M.operations = { postgres = setmetatable({ up = {}, teardown = {} }, { __index = function() return function() return "" end end }) }

return M
