local pl_template = require "pl.template"
local pl_tablex = require "pl.tablex"

local compile_opts = { escape = "\xff", inline_escape = "\xff" }
local EMPTY = pl_tablex.readonly({})
local templates = setmetatable({}, { __mode = "v" })

local Transformer = { PRIORITY = 801, VERSION = "1.2.3" }

local __meta_environment = {
  __index = function(self, key)
    local lazy = {
      headers = function() return kong.request.get_headers() or EMPTY end,
      query_params = function() return kong.request.get_query() or EMPTY end,
      uri_captures = function() return (ngx.ctx.router_matches or EMPTY).uri_captures or EMPTY end,
      shared = function() return kong.ctx.shared end,
    }
    local f = lazy[key]
    if not f then return nil end
    local value = f()
    rawset(self, key, value)
    return value
  end,
  __newindex = function() error("This environment is read-only.") end,
}

local function render(source, env)
  local template = templates[source]
  if not template then
    local err
    template, err = pl_template.compile(source)
    if not template then error(err) end
    templates[source] = template
  end
  return template:render(env)
end

local function each(list, env)
  local i = 0
  return function()
    i = i + 1
    local item = list[i]
    if not item then return nil end
    local name, value = item:match("^([^:]+):*(.-)$")
    if value == "" then return name, nil end
    return name, render(value, env)
  end
end

function Transformer:access(conf)
  local env = setmetatable({}, __meta_environment)
  local headers = kong.request.get_headers()
  for name in each(conf.remove.headers, env) do
    kong.service.request.clear_header(name)
  end
  for name, value in each(conf.add.headers, env) do
    if not headers[name] then kong.service.request.set_header(name, value) end
  end
  for name, value in each(conf.append.headers, env) do
    kong.service.request.add_header(name, value)
  end
  local args = kong.request.get_query()
  for name in each(conf.remove.querystring, env) do args[name] = nil end
  for name, value in each(conf.add.querystring, env) do if args[name] == nil then args[name] = value end end
  kong.service.request.set_query(args)
  if conf.replace_path then
    kong.service.request.set_path(render(conf.replace_path, env))
  end
  if conf.http_method then kong.service.request.set_method(conf.http_method:upper()) end
end

function Transformer:header_filter(conf)
  for name, value in each(conf.response_headers, setmetatable({}, __meta_environment)) do
    if kong.response.get_header(name) then kong.response.add_header(name, value) else kong.response.set_header(name, value) end
  end
end

return Transformer
