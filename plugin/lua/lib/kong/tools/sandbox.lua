-- kong.tools.sandbox: Lua code of a configuration, run with few globals (settings untrusted_lua,
-- untrusted_lua_sandbox_requires, untrusted_lua_sandbox_environment).
local M = {}

local function copy(t, ...)
  local out = {}
  for _, name in ipairs { ... } do out[name] = t[name] end
  return out
end

local function all_but(t, ...)
  local out, skip = {}, {}
  for _, name in ipairs { ... } do skip[name] = true end
  for k, v in pairs(t) do if not skip[k] then out[k] = v end end
  return out
end

local function settings()
  local c = kong.configuration
  return c.untrusted_lua or "sandbox", c.untrusted_lua_sandbox_requires or {}, c.untrusted_lua_sandbox_environment or {}
end

local function put(env, path)
  local from, to, parts = _G, env, {}
  for part in path:gmatch("[^.]+") do parts[#parts + 1] = part end
  for i = 1, #parts - 1 do
    from = type(from) == "table" and from[parts[i]] or nil
    to[parts[i]] = type(to[parts[i]]) == "table" and to[parts[i]] or {}
    to = to[parts[i]]
  end
  if type(from) == "table" then to[parts[#parts]] = from[parts[#parts]] end
end

local function environment(requires, names)
  local env = copy(_G, "_VERSION", "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type", "unpack",
    "xpcall", "ngx", "kong")
  env.os = copy(os, "clock", "date", "difftime", "time")
  env.string, env.math, env.coroutine = all_but(string, "dump"), all_but(math, "randomseed"), copy(coroutine, "create", "resume", "running",
    "status", "wrap", "yield")
  env.table, env.bit = copy(table, "concat", "insert", "maxn", "remove", "sort", "pack", "unpack", "move"), all_but(bit or {})
  env._G = env
  if #requires > 0 then
    local allowed = {}
    for _, name in ipairs(requires) do allowed[name] = true end
    env.require = function(name)
      if not allowed[name] then error("require '" .. tostring(name) .. "' not allowed within sandbox", 2) end
      return require(name)
    end
  end
  for _, name in ipairs(names) do put(env, name) end
  return env
end

local DISABLED = "loading of untrusted Lua code disabled because 'untrusted_lua' config option is set to 'off'"

-- parse(code, options): the function, or nil and a text.
function M.parse(code, options)
  local f, err = loadstring(code, type(options) == "table" and options.chunk_name or type(options) == "string" and options or nil)
  if not f then return nil, err end
  return f
end

-- with_globals(env, extra): extra's values lie over the few globals.
local function with_globals(env, extra)
  for name, value in pairs(extra or {}) do env[name] = value end
  return env
end

-- load(code, options): a function that runs the code as the settings say, or nil and a text. options is the chunk's name, or a
-- table: env has more globals for the code, chunk_name the name.
function M.load(code, options)
  local mode, requires, names = settings()
  if mode == "off" then return nil, DISABLED end
  local extra = type(options) == "table" and options.env or nil
  local f, err = M.parse(code, options)
  if not f then return nil, err end
  if mode == "sandbox" then
    setfenv(f, with_globals(environment(requires, names), extra))
  elseif extra then
    setfenv(f, setmetatable(with_globals({}, extra), { __index = _G, __newindex = _G }))
  end
  return f
end

-- sandbox(code, options): like load, but throws.
function M.sandbox(code, options)
  local f, err = M.load(code, options)
  if not f then error(err, 2) end
  return f
end

-- validate(code, options): true, or false and a text; nothing is run.
function M.validate(code, options)
  local mode = settings()
  if mode == "off" then return false, DISABLED end
  local f, err = M.parse(code, options)
  if not f then return false, err end
  return true
end

function M.validate_function(code)
  local ok, err = M.validate(code)
  if not ok then return false, "Error parsing function: " .. err end
  return true
end
M.validate_safe = M.validate_function

M.configuration = setmetatable({}, {
  __index = function(_, name)
    local mode, requires, names = settings()
    if name == "enabled" then return mode ~= "off" end
    if name == "sandbox_enabled" then return mode == "sandbox" end
    if name == "requires" then return requires end
    if name == "environment" then return names end
  end,
})

return M
