-- The PDK's small modules: kong.ip, kong.node, kong.nginx, kong.plugin, kong.table, kong.cluster, kong.telemetry.
local native = require "gibbon.native"
local op = require "gibbon.op"
local new_table, clear_table = require "table.new", require "table.clear"

local type, error, pairs = type, error, pairs
local M = {}

-- ---- kong.ip ----

local ask_trusted = op.ask("ip.is_trusted")
M.ip = {
  is_trusted = function(address)
    if address ~= nil and type(address) ~= "string" then error("address must be a string", 2) end
    return ask_trusted(address or "")
  end,
}

-- ---- kong.node ----

local ask_node = op.ask("node.identity")
local ask_memory = op.ask("node.memory")
local node = {}
M.node = node

local id, hostname
local function identify()
  if not id then id, hostname = ask_node() end
end

function node.get_id()
  identify()
  return id
end

function node.get_hostname()
  identify()
  return hostname
end

local units = { b = { 0 }, k = { 1, "KiB" }, m = { 2, "MiB" }, g = { 3, "GiB" } }

function node.get_memory_stats(unit, scale)
  local u = units[type(unit) == "string" and unit:lower() or unit or "b"]
  if not u then error(("invalid unit '%s' (expected 'k/K', 'm/M', or 'g/G')"):format(tostring(unit)), 2) end
  if scale ~= nil and (type(scale) ~= "number" or scale < 0) then error("scale must be equal or greater than 0", 2) end
  local function size(bytes)
    if u[1] == 0 then return bytes end
    return ("%." .. (scale or 2) .. "f %s"):format(bytes / 1024 ^ u[1], u[2])
  end
  local dicts, vms = {}, {}
  for name, d in pairs(ngx.shared) do
    dicts[name] = { capacity = size(d:capacity()), allocated_slabs = size(d:capacity() - d:free_space()) }
  end
  for i, heap in ipairs(ask_memory()) do -- a worker has no process of its own: all say the gateway's
    local subsystem = ngx.config.subsystem -- as recorded, of the calling one alone
    vms[i] = { [subsystem .. "_allocated_gc"] = size(heap[subsystem] or 0), pid = native.pid() }
  end
  return { lua_shared_dicts = dicts, workers_lua_vms = vms }
end

-- ---- kong.nginx ----

local ask_statistics = op.ask("nginx.statistics")
M.nginx = {
  get_subsystem = function() return ngx.config.subsystem end,
  get_statistics = function() return ask_statistics() end,
}

-- ---- kong.plugin ----

M.plugin = {
  get_id = function()
    local _, plugin_id = native.plugin()
    if native.phase() == 0x1000 or plugin_id == "" then return nil end
    return plugin_id
  end,
}

-- ---- kong.table ----

M.table = {
  new = function(narr, nrec)
    if type(narr) ~= "number" then error("bad argument #1 to 'new' (number expected, got " .. type(narr) .. ")", 2) end
    if nrec ~= nil and type(nrec) ~= "number" then error("bad argument #2 to 'new' (number expected, got " .. type(nrec) .. ")", 2) end
    return new_table(narr < 0 and 0 or narr, nrec and nrec > 0 and nrec or 0)
  end,
  clear = clear_table,
  merge = function(t1, t2)
    local t = {}
    if t1 then for k, v in pairs(t1) do t[k] = v end end
    if t2 then for k, v in pairs(t2) do t[k] = v end end
    return t
  end,
}

-- ---- kong.cluster ----

local ask_cluster = op.ask("cluster.id")
M.cluster = { get_id = function() return ask_cluster() end }

-- ---- kong.telemetry ----

local DISABLED = "Telemetry logging is disabled: log entry will not be recorded. Ensure the OpenTelemetry plugin is correctly configured to"
  .. " report logs in order to use this feature."
local ask_telemetry = op.ask("telemetry.log")

M.telemetry = {
  log = function(plugin_name, plugin_config, message_type, message, attributes)
    if type(plugin_name) ~= "string" then return nil, "plugin_name must be a string" end
    if type(plugin_config) ~= "table" then return nil, "plugin_config must be a table" end
    if type(message_type) ~= "string" then return nil, "message_type must be a string" end
    if message ~= nil and type(message) ~= "string" then return nil, "message must be a string" end
    if attributes ~= nil and type(attributes) ~= "table" then return nil, "attributes must be a table" end
    if ask_telemetry(plugin_name, message_type, message, attributes) then return true end
    return nil, DISABLED
  end,
}

return M
