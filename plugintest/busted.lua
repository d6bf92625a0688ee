-- Runs a spec file in the manner of busted: describe, it, the hooks, luassert's assertions, spies and stubs.
-- Called with the session's number and the file; returns a list of results.
local session, file = ...
local native = require "gibbon.native"
local op = { start = native.op "plugintest.start", request = native.op "plugintest.request", stop = native.op "plugintest.stop",
  wanted = native.op "plugintest.wanted", validate = native.op "plugintest.validate" }

---------------------------------------------------------------- values as text
local function show(v, depth)
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" or (depth or 0) > 6 then return tostring(v) end
  local keys, parts = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do
    parts[#parts + 1] = (type(k) == "number" and "" or tostring(k) .. " = ") .. show(v[k], (depth or 0) + 1)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

-- where(): the line of the spec file that runs.
local function where()
  for level = 3, 50 do
    local i = debug.getinfo(level, "Sl")
    if not i then return "" end
    if i.source == "@" .. file then return i.short_src .. ":" .. i.currentline .. ": " end
  end
  return ""
end

---------------------------------------------------------------- assertions
local checks = {}
local function failed(message, what, want, got)
  local text = (message and tostring(message) .. "\n" or "") .. what
  if want then text = text .. "\n  want " .. want .. "\n  got  " .. got end
  error(where() .. text, 0)
end

-- Each check returns whether it holds, what it says, and the two values where there are two; n is the number of arguments.
function checks.equal(n, a, b) return a == b, "values differ", show(a), show(b), 2 end
function checks.same(n, a, b) return same(a, b), "values differ", show(a), show(b), 2 end
checks.equals = checks.equal
function checks.truthy(n, v) return not not v, "not truthy: " .. show(v), nil, nil, 1 end
function checks.falsy(n, v) return not v, "not falsy: " .. show(v), nil, nil, 1 end
checks["true"] = function(n, v) return v == true, "not true: " .. show(v), nil, nil, 1 end
checks["false"] = function(n, v) return v == false, "not false: " .. show(v), nil, nil, 1 end
checks["nil"] = function(n, v) return v == nil, "not nil: " .. show(v), nil, nil, 1 end
for _, kind in ipairs { "string", "number", "table", "function", "boolean", "userdata", "thread" } do
  checks[kind] = function(n, v) return type(v) == kind, "not a " .. kind .. ": " .. show(v), nil, nil, 1 end
end
function checks.near(n, want, got, by) return math.abs(want - got) <= by, "values are too far apart", show(want), show(got), 3 end
function checks.matches(n, pattern, text, init, plain)
  return type(text) == "string" and text:find(pattern, init, plain) ~= nil, "no match", "a match of " .. show(pattern), show(text), plain ~= nil and 4 or 2
end
checks.match = checks.matches
local function throws(n, f, want, compare)
  local ok, err = pcall(f)
  if ok then return false, "no error was raised" end
  if n < 2 then return true, "an error was raised: " .. show(err), nil, nil, 1 end
  local plain = type(err) == "string" and err:gsub("^[^\n]-:%d+: ", "") or err
  return compare(want, err) or compare(want, plain), "the error differs", show(want), show(err), 2
end
function checks.error(n, f, want) return throws(n, f, want, same) end
checks.errors = checks.error
function checks.error_matches(n, f, pattern) return throws(2, f, pattern, function(p, e) return tostring(e):find(p) ~= nil end) end

---------------------------------------------------------------- spies
local function recorder(f)
  local s = { calls = {}, returned = {} }
  return setmetatable(s, {
    __call = function(_, ...)
      s.calls[#s.calls + 1] = { n = select("#", ...), ... }
      if f then return f(...) end
    end,
    __index = { clear = function() s.calls = {} end },
  })
end
local function replace(object, key, f)
  local was = object[key]
  local s = recorder(f)
  function s.revert() object[key] = was end
  object[key] = s
  return s
end
_G.spy = { new = recorder, on = function(object, key) return replace(object, key, object[key]) end }
_G.stub = setmetatable({ new = function(object, key, f) return replace(object, key, type(f) == "function" and f or function() return f end) end },
  { __call = function(self, object, key, f) return self.new(object, key, f) end })
local function called_with(s, ...)
  local want = { n = select("#", ...), ... }
  for _, c in ipairs(s.calls) do if same(want, c) then return true end end
  return false
end
local spies = {
  called = function(s, n) return n and #s.calls == n or not n and #s.calls > 0, "it was called " .. #s.calls .. " times" end,
  called_with = function(s, ...) return called_with(s, ...), "no call had these arguments: " .. show { ... } .. "; calls: " .. show(s.calls) end,
  called_at_least = function(s, n) return #s.calls >= n, "it was called " .. #s.calls .. " times" end,
}

---------------------------------------------------------------- assert.is_not.equal and the like: words, joined by . or _
local filler = { is = true, are = true, was = true, has = true, have = true, does = true, be = true, a = true, an = true }
local aliases = { True = "true", False = "false", Nil = "nil", Function = "function", Falsy = "falsy", Truthy = "truthy",
  is_true = "true", is_false = "false", is_nil = "nil" }
local function resolve(words)
  local denied, rest = false, {}
  for word in words:gmatch("[^_]+") do
    if word == "not" or word == "no" then denied = not denied
    elseif not filler[word] then rest[#rest + 1] = aliases[word] or word end
  end
  return table.concat(rest, "_"), denied
end
local chain
local function judge(words, subject, ...)
  local name, denied = resolve(words)
  local ok, what, want, got, used
  if subject then
    local f = spies[name] or error(where() .. "there is no assertion " .. words, 0)
    ok, what = f(subject, ...)
  else
    local f = checks[name] or error(where() .. "there is no assertion " .. words, 0)
    ok, what, want, got, used = f(select("#", ...), ...)
  end
  local message = used and (select(used + 1, ...))
  if not denied and not ok then failed(message, what, want, got) end
  if denied and ok then failed(message, "it holds, and should not: " .. words .. (got and " " .. got or "")) end
  return ...
end
function chain(words, subject)
  return setmetatable({}, {
    __index = function(_, word) return chain(words == "" and word or words .. "_" .. word, subject) end,
    __call = function(_, ...)
      if not subject and (words == "spy" or words == "stub") then return chain("", (...)) end
      return judge(words, subject, ...)
    end,
  })
end
_G.assert = setmetatable({}, {
  __index = function(_, word) return chain(word) end,
  __call = function(_, v, message, ...)
    if not v then error(type(message) == "table" and message or where() .. tostring(message == nil and "assertion failed!" or message), 0) end
    return v, message, ...
  end,
})

---------------------------------------------------------------- the gateway under test
local function fields(list)
  local values = {}
  for _, f in ipairs(list) do
    local have = values[f[1]:lower()]
    if have == nil then values[f[1]:lower()] = f[2]
    elseif type(have) == "table" then have[#have + 1] = f[2]
    else values[f[1]:lower()] = { have, f[2] } end
  end
  return setmetatable(values, { __index = function(t, k) return type(k) == "string" and rawget(t, (k:lower():gsub("_", "-"))) or nil end })
end
local Gateway = {}
Gateway.__index = Gateway
-- request { method, path, headers, body, client, tls, upstream = { status, headers, body } or a list of them }: the response
-- (status, headers, body) with upstream (the requests that came), phases and log.
function Gateway:request(r)
  if type(r) == "string" then r = { method = r:match("^%S+"), path = r:match("%s(%S+)") } end
  local x, err = native.ask(op.request, session, self.id, r)
  if not x then error(where() .. err, 0) end
  x.headers = fields(x.headers)
  for _, u in ipairs(x.upstream) do u.headers = fields(u.headers) end
  return x
end
function Gateway:stop() native.ask(op.stop, session, self.id) end

-- start { plugin, config, global, with, kong, settings }: a gateway with the plugin, as a case of spec.yml has.
package.preload["gibbon.test"] = function()
  return {
    start = function(setup)
      local id, err = native.ask(op.start, session, setup or {})
      if not id then error(where() .. err, 0) end
      return setmetatable({ id = id }, Gateway)
    end,
  }
end
-- The one function of Kong's own spec.helpers that needs no running Kong.
package.preload["spec.helpers"] = function()
  return setmetatable({
    validate_plugin_config_schema = function(config, schema)
      local ok, err = native.ask(op.validate, session, schema.name, config)
      return ok, err
    end,
  }, { __index = function(_, name)
    error(where() .. "spec.helpers." .. tostring(name) .. " needs a running Kong; require \"gibbon.test\" has a gateway instead", 0)
  end })
end

---------------------------------------------------------------- describe and it
local root = { hooks = {}, children = {} }
local at = root
local function describe(name, f)
  local block = { name = name, parent = at, hooks = {}, children = {} }
  at.children[#at.children + 1] = block
  at = block
  f()
  at = block.parent
end
local function it(name, f)
  at.children[#at.children + 1] = { name = name, run = f, line = type(f) == "function" and debug.getinfo(f, "S").linedefined or 0 }
end
local function hook(kind)
  return function(f)
    at.hooks[kind] = at.hooks[kind] or {}
    table.insert(at.hooks[kind], f)
  end
end
for name, f in pairs {
  describe = describe, context = describe, insulate = describe, expose = describe, it = it, spec = it, test = it,
  pending = function(name) at.children[#at.children + 1] = { name = name or "pending", skipped = "pending" } end,
  before_each = hook "before_each", after_each = hook "after_each", setup = hook "setup", teardown = hook "teardown",
  lazy_setup = hook "setup", lazy_teardown = hook "teardown", strict_setup = hook "setup", strict_teardown = hook "teardown",
  randomize = function() end,
} do _G[name] = f end

local results = {}
local function attempt(f)
  return xpcall(f, function(e) return type(e) == "string" and e or "an error that is no text: " .. show(e) end)
end
local function hooks(list) for _, f in ipairs(list or {}) do f() end end
local function around(block, kind, outward)
  if not block then return end
  if not outward then around(block.parent, kind, outward) end
  hooks(block.hooks[kind])
  if outward then around(block.parent, kind, outward) end
end
local function one(test, block, name)
  local result = { name = name, line = test.line or 0, skipped = test.skipped }
  results[#results + 1] = result
  if test.skipped then return end
  local last
  _G.finally = function(f) last = f end
  local ok, err = attempt(function()
    around(block, "before_each")
    test.run()
  end)
  local clean, trouble = attempt(function()
    if last then last() end
    around(block, "after_each", true)
  end)
  if not ok or not clean then result.failure = tostring(ok and trouble or err) end
end
local function wanted(block, name)
  for _, c in ipairs(block.children) do
    local full = name .. c.name
    if c.children and wanted(c, full .. " ") or not c.children and native.ask(op.wanted, session, full) then return true end
  end
  return false
end
local function walk(block, name)
  if not wanted(block, name) then return end
  local ok, err = attempt(function() hooks(block.hooks.setup) end)
  for _, c in ipairs(block.children) do
    local full = name .. c.name
    if c.children then
      if ok then walk(c, full .. " ") end
    elseif native.ask(op.wanted, session, full) then
      if ok then one(c, block, full) else results[#results + 1] = { name = full, line = c.line or 0, failure = "setup: " .. tostring(err) } end
    end
  end
  local clean, trouble = attempt(function() hooks(block.hooks.teardown) end)
  if not clean then results[#results + 1] = { name = name .. "teardown", line = 0, failure = tostring(trouble) } end
end

local chunk, err = loadfile(file)
if not chunk then error(err, 0) end
local ok, trouble = attempt(chunk)
if not ok then error(trouble, 0) end
walk(root, "")
return results
