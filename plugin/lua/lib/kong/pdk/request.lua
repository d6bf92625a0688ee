-- kong.request: the functions that need the body or the router; all others are C (luajit/api_request.c).
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"
local body = require "gibbon.body"

local M = native.pdk_request
local BODY_PHASES = phases.set("rewrite", "access", "response", "error", "admin_api")
local REQUEST_PHASES = phases.set("rewrite", "access", "balancer", "response", "cluster_listener", "header_filter", "body_filter", "log", "error",
  "admin_api", "ws_client_frame", "ws_upstream_frame")
local read_body = op.wait("request.body")
local array_mt = require("cjson").array_mt
local ask_captures = op.ask("request.captures")

-- raw(max): the bytes, or nil and a text where they are in a file that max does not allow. Without max any size will do
-- (the reference takes nothing from a file then).
local function raw(max)
  local data, err, in_file = read_body(-1)
  if not in_file or max and max < 0 then return data, err end
  return read_body(max or 0)
end

function M.get_raw_body(max_allowed_file_size)
  phases.check(BODY_PHASES)
  local data, err = raw(max_allowed_file_size)
  if err then return nil, err end
  return data or ""
end

function M.get_body(mimetype, max_args, max_allowed_file_size)
  phases.check(BODY_PHASES)
  local content_type = mimetype or M.get_header("Content-Type")
  if not content_type then return nil, "missing content type" end
  local kind = body.kind(content_type)
  if not body.decodes[kind] then return nil, "unsupported content type '" .. content_type .. "'", kind end
  if kind == body.FORM and max_args ~= nil then
    if type(max_args) ~= "number" then error("max_args must be a number", 2) end
    if max_args < 1 then error("max_args must be >= 1", 2) end
    if max_args > 1000 then error("max_args must be <= 1000", 2) end
  end
  local data, err = raw(max_allowed_file_size)
  if err then return nil, err, kind end
  return body.decode(kind, content_type, data or "", max_args, "post args truncated")
end

function M.get_uri_captures()
  phases.check(REQUEST_PHASES)
  local list, named = ask_captures()
  local unnamed = setmetatable({}, array_mt)
  for i = 1, #list do -- the whole match is number 0; a group that took no part is false
    if list[i] then unnamed[i - 1] = list[i] end
  end
  return { unnamed = unnamed, named = named }
end

return M
