-- What the control VM does for package lua: find a plugin's modules, describe them in plain values, and call the functions
-- that a schema holds. A function becomes { ["$function"] = number }, a typedef has ["$typedef"] = name.

local native = require "gibbon.native"

local loader = {}
local functions = {}
local MAX_DEPTH = 60

local function describe(v, depth)
  local kind = type(v)
  if kind == "function" then
    functions[#functions + 1] = v
    return { ["$function"] = #functions }
  elseif kind == "table" then
    if depth > MAX_DEPTH then error("the schema is nested too deeply, or refers to itself", 0) end
    local out = {}
    for k, e in pairs(v) do
      if type(k) == "string" or type(k) == "number" then out[k] = describe(e, depth + 1) end
    end
    local mt = getmetatable(v)
    if type(mt) == "table" and mt.__typedef then out["$typedef"] = mt.__typedef end
    return out
  elseif kind == "userdata" or kind == "cdata" or kind == "thread" then
    return v == native.null and v or nil
  end
  return v
end

-- find(module): its value, or nil where no such module exists. Any other trouble is an error.
local function find(module)
  local ok, result = pcall(require, module)
  if ok then return result end
  result = tostring(result)
  if result:find("module '" .. module .. "' not found", 1, true) then return nil end
  error("error loading module '" .. module .. "':\n" .. result, 0)
end

-- file_of(module): where it was loaded from.
local function file_of(module) return package.searchpath(module, package.path) or module end

-- returned(v): what a module returned, for an error; require makes true of nothing.
local function returned(v) return v == true and "nothing" or "a " .. type(v) end

-- line_of(file, name): the first line on which a field of that name is set; nil where it cannot be told.
local function line_of(file, name)
  local n = 0
  local ok, lines = pcall(io.lines, file)
  if not ok then return nil end
  for line in lines do
    n = n + 1
    if line:find("%f[%w_]" .. name .. "%f[^%w_]%s*=") then return n end
  end
end

local PHASES = { "init_worker", "configure", "certificate", "client_hello", "rewrite", "access", "response", "header_filter",
  "body_filter", "log", "preread", "ws_handshake", "ws_client_frame", "ws_upstream_frame", "ws_close" }

-- handler(name): what Go needs to know of kong.plugins.NAME.handler; nil if there is none.
function loader.handler(name)
  local h = find("kong.plugins." .. name .. ".handler")
  if h == nil then return nil end
  local file = file_of("kong.plugins." .. name .. ".handler")
  if type(h) ~= "table" then error(file .. ": handler.lua must return a table, it returns " .. returned(h), 0) end
  local phases, base = {}, package.loaded["kong.plugins.base_plugin"]
  for _, phase in ipairs(PHASES) do
    local own = type(base) ~= "table" or h[phase] ~= base[phase] -- what a class inherits from there does nothing
    if type(h[phase]) == "function" and own then phases[#phases + 1] = phase end
  end
  local priority = h.PRIORITY
  local version = h.VERSION
  return {
    priority = type(priority) == "number" and priority or tostring(priority),
    version = type(version) == "string" and version or { got = tostring(version) },
    file = file, priority_line = line_of(file, "PRIORITY"), version_line = line_of(file, "VERSION"),
    response_line = type(h.response) == "function" and debug.getinfo(h.response, "S").linedefined or nil,
    phases = phases, no_route = not not h.no_route, no_service = not not h.no_service, no_consumer = not not h.no_consumer,
  }
end

-- schema(name), daos(name): the described module; nil if there is none.
function loader.schema(name)
  local s = find("kong.plugins." .. name .. ".schema")
  if s == nil then return nil end
  local file = file_of("kong.plugins." .. name .. ".schema")
  if type(s) ~= "table" then error(file .. ": schema.lua must return a table, it returns " .. returned(s), 0) end
  if type(s.name) ~= "string" then
    error(file .. ": the schema has no name: add name = \"" .. name .. "\"", 0)
  end
  local described = describe(s, 0)
  described["$file"] = file
  return described
end

function loader.daos(name)
  local d = find("kong.plugins." .. name .. ".daos")
  if type(d) ~= "table" then return nil end
  local out = {}
  for k, s in pairs(d) do
    if type(s) == "table" then
      s = describe(s, 0)
      s.name = s.name or (type(k) == "string" and k or nil)
      out[#out + 1] = s
    end
  end
  return out
end

-- api(name): the paths of kong.plugins.NAME.api in order, each with its methods; nil if there is none.
local METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

function loader.api(name)
  local module = "kong.plugins." .. name .. ".api"
  local routes = find(module)
  if routes == nil then return nil end
  local file = file_of(module)
  if type(routes) ~= "table" then error(file .. ": api.lua must return a table of paths, it returns " .. returned(routes), 0) end
  local out = {}
  for path, route in pairs(routes) do
    if type(path) == "string" and path:sub(1, 1) == "/" then
      if type(route) ~= "table" then error(file .. ": the path " .. path .. " must have a table of methods, it has a " .. type(route), 0) end
      local functions, methods = type(route.methods) == "table" and route.methods or route, {}
      for method, f in pairs(functions) do
        if METHODS[method] then
          if type(f) ~= "function" then error(file .. ": " .. method .. " " .. path .. " must be a function, it is a " .. type(f), 0) end
          methods[#methods + 1] = method
        end
      end
      table.sort(methods)
      local schema = route.schema
      out[#out + 1] = { path = path, methods = methods, before = type(functions.before) == "function",
        entity = type(schema) == "table" and schema.name or nil }
    end
  end
  table.sort(out, function(a, b) return a.path < b.path end)
  return out
end

-- call(number, ...): a schema's function. Values come as the handler would see them, nulls are cjson.null.
function loader.call(number, ...) return functions[number](...) end

local function copy(v, depth)
  if type(v) ~= "table" or depth > MAX_DEPTH then return v end
  local out = {}
  for k, e in pairs(v) do out[k] = copy(e, depth + 1) end
  return out
end

local function same(a, b, depth)
  if type(a) ~= "table" or type(b) ~= "table" or depth > MAX_DEPTH then return a == b end
  for k, e in pairs(a) do
    if not same(e, b[k], depth + 1) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

-- judge(number, value): what a schema's check says of it, and value again if the check changed it.
function loader.judge(number, value)
  local before = copy(value, 0)
  local good, err = functions[number](value)
  if type(value) == "table" and not same(before, value, 0) then return good, err, value end
  return good, err
end

-- check(code): true, or false and what is wrong with code of a configuration.
function loader.check(code) return require("kong.tools.sandbox").validate(code) end

return function(what, ...) return loader[what](...) end
