-- ltn12: sources, sinks, filters and pumps.
local M = { source = {}, sink = {}, filter = {}, pump = {}, BLOCKSIZE = 2048, _VERSION = "LTN12 1.0.3" }
local source, sink, filter, pump = M.source, M.sink, M.filter, M.pump
local type, error, select, unpack, insert = type, error, select, unpack, table.insert

-- ---- filters ----

function filter.cycle(low, ctx, extra)
  return function(chunk)
    local out
    out, ctx = low(ctx, chunk, extra)
    return out
  end
end

function filter.chain(...)
  local list, n = { ... }, select("#", ...)
  if n == 1 then return list[1] end
  return function(chunk)
    if chunk == nil then -- each filter gives what it kept through the later ones
      local out = ""
      for i = 1, n do
        local kept = list[i](nil)
        while kept and kept ~= "" do
          for j = i + 1, n do kept = list[j](kept) end
          out = out .. (kept or "")
          kept = nil
        end
      end
      return out ~= "" and out or nil
    end
    for i = 1, n do chunk = list[i](chunk) end
    return chunk
  end
end

-- ---- sources ----

local function empty() return nil end
function source.empty() return empty end

function source.error(err) return function() return nil, err end end

function source.file(handle, err)
  if not handle then return source.error(err or "unable to open file") end
  return function()
    local chunk = handle:read(M.BLOCKSIZE)
    if not chunk then handle:close() end
    return chunk
  end
end

function source.simplify(src)
  return function()
    local chunk, next_src = src()
    src = next_src or src
    if not chunk then return nil, next_src end
    return chunk
  end
end

function source.string(s)
  if not s then return source.empty() end
  local i = 1
  return function()
    local chunk = s:sub(i, i + M.BLOCKSIZE - 1)
    i = i + M.BLOCKSIZE
    return chunk ~= "" and chunk or nil
  end
end

function source.table(t)
  local i = 0
  return function()
    i = i + 1
    return t[i]
  end
end

function source.rewind(src)
  local stack = {}
  return function(chunk)
    if chunk then
      insert(stack, chunk)
      return
    end
    local top = table.remove(stack)
    if top then return top end
    return src()
  end
end

function source.chain(src, ...)
  local f = filter.chain(...)
  local over
  return function()
    while not over do
      local chunk, err = src()
      if err then return nil, err end
      local out = f(chunk)
      if chunk == nil then over = true end
      if out and out ~= "" then return out end
    end
  end
end

function source.cat(...)
  local list, i = { ... }, 1
  return function()
    while list[i] do
      local chunk, err = list[i]()
      if chunk then return chunk end
      if err then return nil, err end
      i = i + 1
    end
  end
end

-- ---- sinks ----

function sink.table(t)
  t = t or {}
  return function(chunk)
    if chunk then t[#t + 1] = chunk end
    return 1
  end, t
end

function sink.simplify(snk)
  return function(chunk, err)
    local ret, next_snk = snk(chunk, err)
    if not ret then return nil, next_snk end
    snk = next_snk or snk
    return 1
  end
end

function sink.file(handle, err)
  if not handle then return sink.error(err or "unable to open file") end
  return function(chunk)
    if not chunk then
      handle:close()
      return 1
    end
    return handle:write(chunk)
  end
end

local function null() return 1 end
function sink.null() return null end

function sink.error(err) return function() return nil, err end end

function sink.chain(...)
  local args, n = { ... }, select("#", ...)
  if type(args[n]) ~= "function" then n = n - 1 end -- sink.table's second result
  local snk = args[n]
  local f = filter.chain(unpack(args, 1, n - 1))
  return function(chunk, err)
    local out = f(chunk)
    if out and out ~= "" then
      local ok, failed = snk(out, err)
      if not ok then return nil, failed end
    end
    if chunk == nil then return snk(nil, err) end
    return 1
  end
end

-- ---- pumps ----

function pump.step(src, snk)
  local chunk, err = src()
  local ok, failed = snk(chunk, err)
  if chunk and ok then return 1 end
  return nil, err or failed
end

function pump.all(src, snk, step)
  if type(src) ~= "function" or type(snk) ~= "function" then error("source and sink must be functions", 2) end
  step = step or pump.step
  while true do
    local ok, err = step(src, snk)
    if not ok then
      if err then return nil, err end
      return 1
    end
  end
end

return M
