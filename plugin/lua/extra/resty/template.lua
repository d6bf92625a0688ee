-- resty.template: text with holes for Lua values, compiled to Lua.
local parse = require "gibbon.template_parse"
local type, tostring, setmetatable, getmetatable, rawget, rawset, error, pcall, setfenv = type, tostring, setmetatable, getmetatable, rawget, rawset, error, pcall,
  setfenv
local concat, gsub, load = table.concat, string.gsub, loadstring
local open = io.open

-- The most templates that are kept: keys may be made of requests.
local MAX_CACHED = 1000

local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;", ["/"] = "&#47;" }
local CODE = { ["{"] = "&#123;", ["}"] = "&#125;", ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;", ["/"] = "&#47;" }

local function output(s)
  if s == nil or s == ngx.null then return "" end
  if type(s) == "function" then return output(s()) end
  return tostring(s)
end

local function escape(s, code)
  if type(s) == "string" then
    if code then return (gsub(s, "[}{\">/<'&]", CODE)) end
    return (gsub(s, "[\">/<'&]", HTML))
  end
  if type(s) == "function" then return escape(s(), code) end
  if s == nil or s == ngx.null then return "" end
  return escape(tostring(s), code)
end

local function read(path)
  local f = open(path, "rb")
  if not f then return nil end
  local s = f:read("*a") -- nil for a folder
  f:close()
  return s
end

local function variable(name)
  local ok, v = pcall(function() return ngx.var[name] end)
  if ok and v and v ~= "" then return v end
end

-- engine(options) is a set of functions with a cache of its own: root is the folder of template files.
local function engine(options)
  local M = { _VERSION = "2.0", cache = {}, escape = escape, output = output, root = options.root }
  local caching, count = true, 0
  if options.cache == false then caching = false end
  if ngx and ngx.print then M.print = function(...) return ngx.print(...) end else M.print = io.write end

  -- loader: a view's text, by path below root; what names no file is the text itself.
  local function from_file(view)
    if #view > 1024 or view:find("[\n\r%z{]") then return nil end
    local root = M.root or variable("template_root")
    if root and view:sub(1, 1) ~= "/" then
      local s = read(root .. "/" .. view)
      if s then return s end
    elseif not root and view:sub(1, 1) ~= "/" then
      local s = read(ngx.config.prefix() .. view)
      if s then return s end
    end
    return read(view)
  end
  function M.load(view) return from_file(view) or view end
  function M.load_file(path)
    local s = from_file(path)
    if not s then error("template file not found: " .. tostring(path), 2) end
    return s
  end
  function M.load_string(s) return s end

  function M.caching(enable)
    if enable ~= nil then caching = enable == true end
    return caching
  end

  function M.parse(view, plain)
    if plain then return parse(view) end
    return parse(M.load(view))
  end

  local globals = _G

  -- begin and finish stand around the code of a template.
  local function begin(context)
    local out = {}
    local function include(view, c, plain)
      if view == nil then error("the template to be included is nil", 2) end
      return M.compile(view, nil, plain)(c or context)
    end
    local function echo(...)
      for i = 1, select("#", ...) do out[#out + 1] = output((select(i, ...))) end
    end
    return include, echo, rawget(context, "blocks") or {}, nil, out
  end

  local function finish(layout, out, blocks, context, include)
    local s = concat(out)
    if not layout then return s end
    return include(layout, setmetatable({ view = s, blocks = blocks }, { __index = context }))
  end

  -- function_of(chunk) renders with an environment of its own: names are the context's, then the library's, then globals.
  local function function_of(chunk)
    return function(context)
      context = context or {}
      local env = setmetatable({ context = context, template = M, ___begin = begin, ___end = finish, _G = globals }, { __index = function(_, k)
        local v = context[k]
        if v ~= nil then return v end
        return globals[k]
      end })
      local f = chunk()
      setfenv(f, env)
      return f(context)
    end
  end

  local function compile(text, name)
    local chunk, err = load(parse(text), name)
    if not chunk then error(err, 0) end
    return function_of(chunk)
  end

  local function name_of(view) return #view < 60 and not view:find("[\n{]") and "@" .. view or "=template" end

  -- compile(view, key, plain): function of a context, and whether it was compiled before. key "no-cache" keeps nothing.
  function M.compile(view, key, plain)
    if type(view) ~= "string" then error("view was not provided for template.compile(view, cache_key, plain)", 2) end
    if key == "no-cache" or not caching then return compile(plain and view or M.load(view), name_of(view)), false end
    key = key or (plain and "\0" .. view) or view -- a text is not the file of the same name
    local f = M.cache[key]
    if f then return f, true end
    f = compile(plain and view or M.load(view), name_of(view))
    if count >= MAX_CACHED then M.cache, count = {}, 0 end
    M.cache[key] = f
    count = count + 1
    return f, false
  end

  function M.compile_file(view, key) return M.compile(M.load_file(view), key or "file:" .. view, true) end
  function M.compile_string(view, key) return M.compile(view, key, true) end

  function M.process(view, context, key, plain)
    if type(view) ~= "string" then error("view was not provided for template.process(view, context, cache_key, plain)", 2) end
    return (M.compile(view, key, plain))(context)
  end
  function M.process_file(view, context, key) return (M.compile_file(view, key))(context) end
  function M.process_string(view, context, key) return (M.compile_string(view, key))(context) end

  function M.render(view, context, key, plain)
    if type(view) ~= "string" then error("view was not provided for template.render(view, context, cache_key, plain)", 2) end
    return M.print(M.process(view, context, key, plain))
  end
  function M.render_file(view, context, key) return M.print(M.process_file(view, context, key)) end
  function M.render_string(view, context, key) return M.print(M.process_string(view, context, key)) end

  -- precompile(view, path, strip, plain): the bytecode of the chunk, which precompiled takes.
  function M.precompile(view, path, strip, plain)
    local chunk, err = load(M.parse(view, plain), "=template")
    if not chunk then error(err, 0) end
    local code = string.dump(chunk, strip ~= false)
    if path then
      local f = assert(open(path, "wb"))
      f:write(code)
      f:close()
    end
    return code
  end

  -- A view is a table of its context that knows its template.
  local views = {}
  local view_mt = { __index = function(_, k) return views[k] end }
  local hidden = setmetatable({}, { __mode = "k" })

  function views:process(context)
    local h = hidden[self]
    context = context or self
    local s = (M.compile(h.view, h.key, h.plain))(context)
    local layout = h.layout
    if not layout then return s end
    if hidden[layout] then
      layout.blocks = rawget(context, "blocks") or {}
      layout.view = s
      return layout:process()
    end
    return M.process(layout, setmetatable({ view = s, blocks = rawget(context, "blocks") or {} }, { __index = context }))
  end
  function views:render(context) return M.print(self:process(context)) end
  view_mt.__tostring = function(self) return self:process() end

  -- new(view, layout): a view; new(options): an engine of its own.
  function M.new(view, layout)
    if type(view) == "table" and not hidden[view] or view == nil then return engine(view or {}) end
    if type(view) ~= "string" then error("view was not provided for template.new(view, layout)", 2) end
    local self = setmetatable({}, view_mt)
    hidden[self] = { view = view, layout = layout }
    return self
  end

  return M
end

return engine({})
