-- The global kong.
local native = require "gibbon.native"
local op = require "gibbon.op"
local log = require "kong.pdk.log"
local small = require "kong.pdk.small"

local kong = {
  version = "3.9.3", version_num = 3009003,
  configuration = require "kong.pdk.configuration",
  request = require "kong.pdk.request",
  response = require "kong.pdk.response",
  service = require "kong.pdk.service",
  client = require "kong.pdk.client",
  router = require "kong.pdk.router",
  tracing = require "kong.pdk.tracing",
  ip = small.ip, node = small.node, nginx = small.nginx, plugin = small.plugin, table = small.table,
  cluster = small.cluster, telemetry = small.telemetry,
  ctx = setmetatable({}, { __index = native.ctx_index, __newindex = native.ctx_newindex }),
}

-- Modules of other parts join when they are there.
local function optional(field, module)
  local ok, m = pcall(require, module)
  if ok then kong[field] = m
  elseif not tostring(m):find("module '" .. module .. "' not found", 1, true) then error(m, 0) end
end
optional("vault", "kong.pdk.vault")
optional("db", "gibbon.db")
optional("cache", "gibbon.cache")
optional("worker_events", "gibbon.worker_events")
optional("cluster_events", "gibbon.cluster_events")
optional("dns", "gibbon.dns")
optional("timer", "gibbon.timer")
optional("websocket", "kong.pdk.websocket")
kong.core_cache = kong.cache and kong.cache.core

local ask_workspace = op.ask("workspace.default")
local current_log = log.current

-- kong.log is the facility of the plugin that runs, so it is looked up each time.
return setmetatable(kong, {
  __index = function(t, name)
    if name == "log" then return current_log() end
    if name == "default_workspace" then
      local id = ask_workspace()
      rawset(t, name, id)
      return id
    end
  end,
})
