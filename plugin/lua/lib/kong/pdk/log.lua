-- kong.log: one facility per plugin, with a format of its own.
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"

local concat, select, tostring, type, error, sub = table.concat, select, tostring, type, error, string.sub
local getinfo, setmetatable = debug.getinfo, setmetatable
local raw_log, log_level = native.log, native.log_level

local levels = { emerg = 1, alert = 2, crit = 3, err = 4, warn = 5, notice = 6, info = 7, debug = 8 }

local CORE_FORMAT = "%file_src:%line_src %message"
local PLUGIN_FORMAT = "%file_src:%line_src [%namespace] %message"
local INSPECT_FORMAT = "%file_src:%func_name:%line_src %message"

-- ---- formats ----

local function file_of(info)
  return info and info.short_src:match("([^/]*)$") or "?"
end

local modifiers = {
  file_src = { info = "S", value = function(i) return file_of(i) end },
  line_src = { info = "l", value = function(i) return i and tostring(i.currentline) or "?" end },
  func_name = { info = "n", value = function(i) return i and i.name or "?" end },
  message = { value = function(_, message) return message end },
}

-- parse(format, namespace) makes a list of strings and modifiers; an unknown modifier stays as it is.
local function parse(format, namespace)
  local parts, what, at = {}, "", 1
  while true do
    local from, to, name = format:find("%%([%a_]+)", at)
    if not from then break end
    local m = modifiers[name]
    if name == "namespace" and namespace then m = namespace end
    parts[#parts + 1] = format:sub(at, from - 1)
    parts[#parts + 1] = m or format:sub(from, to)
    if m and m.info then what = what .. m.info end
    at = to + 1
  end
  parts[#parts + 1] = format:sub(at)
  return { parts = parts, what = what ~= "" and what or nil }
end

local function render(format, message, level)
  local info = format.what and getinfo(level + 1, format.what)
  local parts, out = format.parts, {}
  for i = 1, #parts do
    local p = parts[i]
    out[i] = type(p) == "string" and p or p.value(info, message)
  end
  return concat(out)
end

-- text joins arguments without a separator, each through tostring.
local function text(n, ...)
  if n == 1 then return tostring((...)) end
  local out = { ... }
  for i = 1, n do out[i] = tostring(out[i]) end
  return concat(out, "", 1, n)
end

-- ---- inspect ----

local WIDTH = 120
local inspect_module

local function boxed(line, namespace)
  local head = "[kong] " .. line .. (namespace and "[" .. namespace .. "]" or "")
  local out = { head .. ("-"):rep(WIDTH + 1 - #head) .. "+" }
  return out
end

local function inspect_text(n, ...)
  inspect_module = inspect_module or require "inspect"
  local out = {}
  for i = 1, n do out[i] = inspect_module((select(i, ...))) end
  return concat(out, " ")
end

local function new_inspect(namespace)
  local format, on = parse(INSPECT_FORMAT), true
  local M = {}
  function M.on() on = true end
  function M.off() on = false end
  local function write(_, ...)
    if not on or levels.notice > log_level() then return end
    local out = boxed(render(format, "", 2), namespace)
    for line in (inspect_text(select("#", ...), ...) .. "\n"):gmatch("(.-)\n") do
      repeat
        local piece = sub(line, 1, WIDTH)
        line = sub(line, WIDTH + 1)
        out[#out + 1] = "|" .. piece .. (" "):rep(WIDTH - #piece) .. "|"
      until line == ""
    end
    out[#out + 1] = "+" .. ("-"):rep(WIDTH) .. "+"
    for i = 1, #out do raw_log(levels.notice, out[i]) end
  end
  return setmetatable(M, { __call = write })
end

-- ---- serialize ----

local SERIALIZE_PHASES = phases.set("rewrite", "access", "response", "header_filter", "body_filter", "log")
local LOG_PHASE = phases.set("log")
local ask_serialize, ask_set_value = op.ask("log.serialize"), op.ask("log.set_serialize_value")

local function serializable(v, seen)
  local t = type(v)
  if t == "string" or t == "number" or t == "boolean" or t == "nil" or v == ngx.null then return true end
  if t ~= "table" or seen[v] then return false end
  seen[v] = true
  for k, x in pairs(v) do
    if not serializable(k, seen) or not serializable(x, seen) then return false end
  end
  seen[v] = nil
  return true
end

local modes = { set = true, add = true, replace = true }

local function set_serialize_value(key, value, options)
  phases.check(SERIALIZE_PHASES)
  if type(key) ~= "string" then error("key must be a string", 2) end
  if options ~= nil and type(options) ~= "table" then error("options must be a table if present", 2) end
  local mode = options and options.mode or "set"
  if not modes[mode] then error("mode must be 'set', 'add' or 'replace'", 2) end
  if not serializable(value, {}) then
    error("value must be nil, a number, string, boolean or a non self-referencial table containing numbers, string and booleans", 2)
  end
  ask_set_value(key, value, mode)
end

local function serialize(options)
  phases.check(LOG_PHASE)
  if options ~= nil and type(options) ~= "table" then error("options must be a table", 2) end
  return ask_serialize()
end

-- ---- facilities ----

local function new(namespace, format, fixed)
  local self = { inspect = new_inspect(namespace) }
  local current = parse(format, not fixed and { value = function() return namespace end } or nil)

  local function writer(level)
    return function(...)
      if level > log_level() then return end
      local n = select("#", ...)
      if n == 0 then error("bad argument #1 to 'log' (value expected)", 2) end
      raw_log(level, "[kong] " .. render(current, text(n, ...), 2))
    end
  end
  for name, level in pairs(levels) do self[name] = writer(level) end

  function self.set_format(fmt)
    if fmt ~= nil and type(fmt) ~= "string" then error("format must be a string", 2) end
    current = parse(fmt or format, { value = function() return namespace end })
  end

  function self.new(name, fmt)
    if type(name) ~= "string" then error("namespace must be a string", 2) end
    if name == "" then error("namespace cannot be an empty string", 2) end
    if fmt ~= nil then
      if type(fmt) ~= "string" then error("format must be a string if specified", 2) end
      if fmt == "" then error("format cannot be an empty string if specified", 2) end
    end
    return new(name, fmt or PLUGIN_FORMAT, fmt ~= nil)
  end

  local deprecation = parse(format, { value = function() return namespace end })
  local function deprecate(write)
    return function(...)
      local n = select("#", ...)
      local last = select(n, ...)
      local options = type(last) == "table" and last or nil
      if options then n = n - 1 end
      local message = concat({ ... }, "", 1, n)
      local notes = {}
      if options and options.after then notes[#notes + 1] = "deprecated after " .. options.after end
      if options and options.removal then notes[#notes + 1] = "scheduled for removal in " .. options.removal end
      if #notes > 0 then message = message .. " (" .. concat(notes, ", ") .. ")" end
      if options and options.trace then message = message .. " " .. debug.traceback("", 2):gsub("^%s+", "") end
      write(message)
    end
  end
  self.deprecation = setmetatable({
    write = deprecate(function(message)
      if levels.warn <= log_level() then raw_log(levels.warn, "[kong] " .. render(deprecation, message, 3)) end
    end),
  }, { __call = function(this, ...) return this.write(...) end })

  self.serialize, self.set_serialize_value = serialize, set_serialize_value

  local notice = levels.notice
  return setmetatable(self, {
    __call = function(_, ...)
      if notice > log_level() then return end
      local n = select("#", ...)
      if n == 0 then error("bad argument #1 to 'log' (value expected)", 2) end
      raw_log(notice, "[kong] " .. render(current, text(n, ...), 2))
    end,
  })
end

local core = new(nil, CORE_FORMAT)
local facilities = {}
local log_name = native.log_name

local M = {}

-- current() is the facility of the plugin that runs.
function M.current()
  local name = log_name()
  if not name then return core end
  local f = facilities[name]
  if not f then
    f = new(name, PLUGIN_FORMAT)
    facilities[name] = f
  end
  return f
end

M.core = core
return M
