-- kong.response: answers and bodies; status and headers are C (luajit/api_response.c).
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"
local json = require("gibbon.body").json

local M = native.response
local type, error, concat = type, error, table.concat
local check_headers, apply_headers, pdk_phase, exit = native.check_headers, native.apply_headers, native.pdk_phase, native.exit

local ANSWER_PHASES = phases.set("rewrite", "access", "balancer", "response", "header_filter", "error", "admin_api")
local BODY_FILTER = phases.set("body_filter")
local ask_exit, ask_error = op.ask("response.exit"), op.ask("response.error")

-- first(headers, name) is the value that a table of headers gives a name, in any spelling; of several the first.
local function first(headers, name)
  if not headers then return nil end
  for k, v in pairs(headers) do
    if type(k) == "string" and #k == #name and k:lower():gsub("_", "-") == name then
      if type(v) == "table" then v = v[1] end
      if v ~= nil then return tostring(v) end
    end
  end
end

-- leave ends the handler; in header_filter the answer is only noted, and the handler goes on.
local function leave()
  if pdk_phase() ~= phases.names.header_filter then exit() end
end

-- checked runs native.check_headers and raises its text at the PDK function's caller.
local function checked(headers)
  local ok, err = pcall(check_headers, headers)
  if not ok then error(err, 3) end
end

function M.exit(status, body, headers)
  phases.check(ANSWER_PHASES)
  if type(status) ~= "number" then error("code must be a number", 2) end
  if status < 100 or status > 599 then error("code must be a number between 100 and 599", 2) end
  local t = type(body)
  if body ~= nil and t ~= "string" and t ~= "table" then error("body must be a nil, string or table", 2) end
  if headers ~= nil and type(headers) ~= "table" then error("headers must be a nil or table", 2) end
  if headers then checked(headers) end
  local message
  if t == "table" then
    local text, err = json.encode(body)
    if not text then error("could not encode the body as JSON: " .. err, 2) end
    message = type(body.message) == "string" and body.message or nil
    body = text
  end
  if headers then apply_headers(headers) end
  local _, err = ask_exit(status, body, t == "table", message, first(headers, "content-type"), first(headers, "content-length"))
  if err then error(err, 2) end
  leave()
end

function M.error(status, message, headers)
  phases.check(ANSWER_PHASES)
  if type(status) ~= "number" then error("code must be a number", 2) end
  if status < 100 or status > 599 then error("code must be a number between 100 and 599", 2) end
  local t = type(message)
  if message ~= nil and t ~= "string" and t ~= "table" then error("message must be a nil, a string or a table", 2) end
  if headers ~= nil and type(headers) ~= "table" then error("headers must be a nil or table", 2) end
  if headers then checked(headers) end
  if t == "table" then
    local text, err = json.encode(message)
    if not text then error("could not JSON encode the error message: " .. err, 2) end
    message = text
  end
  if headers then apply_headers(headers) end
  local _, err = ask_error(status, message, first(headers, "content-type"))
  if err then error(err, 2) end
  leave()
end

-- What a plugin collects of the response body stays in the request's own table, by plugin.
local request, log_name = native.request, native.plugin

-- In the response phase the whole body is there: plugins that moved their code from body_filter ask for it by the same name.
function M.get_raw_body()
  if pdk_phase() == phases.names.response then
    local body = kong.service.response.get_raw_body()
    return body
  end
  phases.check(BODY_FILTER)
  local arg, own = ngx.arg, request()
  local key = "body of " .. (log_name() or "")
  local parts = own[key]
  local chunk, last = arg[1], arg[2]
  if not last then
    if not parts then
      parts = { n = 0 }
      own[key] = parts
    end
    if chunk ~= "" then
      parts.n = parts.n + 1
      parts[parts.n] = chunk
    end
    arg[1] = nil
    return nil
  end
  if parts and parts.n > 0 then
    parts[parts.n + 1] = chunk
    chunk = concat(parts)
    own[key] = nil
    arg[1] = chunk
  end
  return chunk
end

function M.set_raw_body(body)
  phases.check(BODY_FILTER)
  if type(body) ~= "string" then error("body must be a string", 2) end
  ngx.arg[1] = body == "" and "\n" or body
  ngx.arg[2] = true
end

return M
