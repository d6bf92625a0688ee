-- tablepool: tables used again. A pool keeps at most 200.
local clear = require "table.clear"
local new_tab = require "table.new"

local M = {}
local pools = {}
local MAX = 200

function M.fetch(tag, narr, nrec)
  local pool = pools[tag]
  local n = pool and #pool or 0
  if n == 0 then return new_tab(narr, nrec) end
  local t = pool[n]
  pool[n] = nil
  return t
end

function M.release(tag, t, noclear)
  if not t then error("object empty", 2) end
  local pool = pools[tag]
  if not pool then
    pool = {}
    pools[tag] = pool
  end
  if not noclear then
    setmetatable(t, nil)
    clear(t)
  end
  if #pool < MAX then pool[#pool + 1] = t end
end

return M
