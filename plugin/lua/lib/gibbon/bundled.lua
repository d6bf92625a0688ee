-- kong.plugins.NAME.handler and .schema of plugins that are written in Go, for plugins that wrap them. They are made when a
-- require finds no such module anywhere else. A phase runs the Go handler here and now, with the configuration that it is given.
local native = require "gibbon.native"
local op = require "gibbon.op"

local describe, schema, run = op.ask("bundled.describe"), op.ask("bundled.schema"), op.ask("bundled.run")
local error, type, setmetatable = error, type, setmetatable

local M = {}

local function nothing() end

-- phase_of(plugin, phase): the function that a handler has for a phase.
local function phase_of(plugin, phase)
  local body = phase == "body_filter"
  return function(_, conf)
    if type(conf) ~= "table" then error(plugin .. ":" .. phase .. " expects the plugin's configuration, a table", 2) end
    local chunk, last
    if body then chunk, last = ngx.arg[1], ngx.arg[2] end
    local said, more = run(plugin, phase, conf, chunk, last)
    if said == "blocks" and native.can_wait() then -- it wants the whole body
      ngx.req.read_body()
      said, more = run(plugin, phase, conf)
    end
    if said == "" then
      if body then ngx.arg[1] = more end
      return
    end
    if said == "exit" then return native.exit() end
    if said == "blocks" then more = "it has to wait, which it cannot where " .. plugin .. ":" .. phase .. " was called" end
    if more then error("[" .. plugin .. "] " .. more, 0) end
  end
end

function M.handler(plugin)
  local priority, version, phases = describe(plugin)
  local handler = { PRIORITY = priority, VERSION = version, init_worker = nothing } -- the gateway has set the Go plugin up
  for i = 1, #phases do
    if not handler[phases[i]] and phases[i] ~= "configure" then handler[phases[i]] = phase_of(plugin, phases[i]) end
  end
  return handler
end

-- marked(v) gives the tables of a schema that have a mark a metatable that says so.
local function marked(v)
  if type(v) ~= "table" then return v end
  local mark = v["$typedef"]
  v["$typedef"] = nil
  for _, e in pairs(v) do marked(e) end
  if mark then setmetatable(v, { __typedef = mark }) end
  return v
end

function M.schema(plugin) return marked(schema(plugin)) end

-- search is the last of package.loaders.
function M.search(name)
  local plugin, part = name:match("^kong%.plugins%.([%w_%-]+)%.(.+)$")
  if not plugin then return end
  local known = describe(plugin)
  if not known then return end
  if known == "elsewhere" then return "\n\tthe reference's plugin '" .. plugin .. "' is not part of this gateway" end
  local make = M[part]
  if part ~= "handler" and part ~= "schema" then
    return "\n\tthe plugin '" .. plugin .. "' is written in Go: of its modules there are handler and schema"
  end
  return function() return make(plugin) end
end

return M
