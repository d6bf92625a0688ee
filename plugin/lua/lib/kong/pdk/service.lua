-- kong.service, kong.service.request and kong.service.response: what needs bodies or the balancer. Headers, paths and
-- queries are C (luajit/api_upstream.c, api_response.c).
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"
local body = require "gibbon.body"
local args = require "gibbon.args"
local pem = require "gibbon.pem"

local type, error = type, error
local ACCESS = phases.set("access")
local UPSTREAM_PHASES = phases.set("rewrite", "access")
local BALANCE_PHASES = phases.set("rewrite", "access", "balancer")
local TARGET_PHASES = phases.set("rewrite", "access", "balancer", "preread")
local ANSWERED_PHASES = phases.set("response", "header_filter", "body_filter", "log")

local request, response = native.service_request, native.service_response
local M = { request = request, response = response }

-- ---- kong.service.request ----

local ask_set_body = op.ask("service.request.set_raw_body")

function request.set_raw_body(data)
  phases.check(BALANCE_PHASES)
  if type(data) ~= "string" then error("body must be a string", 2) end
  ask_set_body(data)
end

local ask_buffering = op.ask("service.request.enable_buffering")

function request.enable_buffering()
  phases.check(BALANCE_PHASES)
  ask_buffering()
end

function request.set_query(t)
  phases.check(UPSTREAM_PHASES)
  if type(t) ~= "table" then error("args must be a table", 2) end
  local ok, text = pcall(args.encode_sorted, t)
  if not ok then error(text, 2) end
  native.req_set_uri_args(text)
end

function request.set_body(t, mimetype)
  phases.check(UPSTREAM_PHASES)
  if type(t) ~= "table" then error("args must be a table", 2) end
  if mimetype ~= nil and type(mimetype) ~= "string" then error("mimetype must be a string", 2) end
  local content_type = mimetype or kong.request.get_header("Content-Type")
  if not content_type then return nil, "content type was neither explicitly given as an argument or received as a header" end
  local kind = body.kind(content_type)
  if not body.decodes[kind] then return nil, "unsupported content type " .. content_type end
  local ok, data, sent_type = pcall(body.encode, kind, content_type, t)
  if not ok then error(data, 2) end
  if not data then error(sent_type, 2) end
  ask_set_body(data)
  request.set_header("Content-Type", sent_type)
  return true
end

-- ---- kong.service.response ----

local ask_body = op.ask("service.response.body")

-- raw_body may not be called in tail position: its error names the caller's caller.
local function raw_body()
  local data, buffered = ask_body()
  if not buffered then
    error("service body is only available with buffered proxying (see: kong.service.request.enable_buffering function)", 3)
  end
  return data or ""
end

function response.get_raw_body()
  phases.check(ANSWERED_PHASES)
  local data = raw_body()
  return data
end

function response.get_body(mimetype, max_args)
  phases.check(ANSWERED_PHASES)
  local data = raw_body()
  local content_type = mimetype or response.get_header("Content-Type")
  if not content_type then return nil, "missing content type" end
  local kind = body.kind(content_type)
  if not body.decodes[kind] then return nil, "unsupported content type '" .. content_type .. "'", kind end
  if kind == body.FORM and max_args ~= nil then
    if type(max_args) ~= "number" then error("max_args must be a number", 2) end
    if max_args < 1 then error("max_args must be >= 1", 2) end
    if max_args > 1000 then error("max_args must be <= 1000", 2) end
  end
  return body.decode(kind, content_type, data, max_args, "decode args truncated")
end

-- ---- kong.service ----

local function integer(name, v, min, max, level)
  if type(v) ~= "number" or v % 1 ~= 0 then error(name .. " must be an integer", level + 1) end
  if v < min or v > max then
    error(("%s must be an integer between %d and %d: given %d"):format(name, min, max, v), level + 1)
  end
end

local ask_target, ask_upstream = op.ask("service.set_target"), op.ask("service.set_upstream")
local ask_retries, ask_timeouts, ask_callback = op.ask("service.set_retries"), op.ask("service.set_timeouts"), op.ask("service.set_retry_callback")
local ask_verify, ask_depth = op.ask("service.set_tls_verify"), op.ask("service.set_tls_verify_depth")
local ask_cert, ask_store = op.ask("service.set_tls_cert_key"), op.ask("service.set_tls_verify_store")

function M.set_target(host, port)
  phases.check(TARGET_PHASES)
  if type(host) ~= "string" then error("host must be a string", 2) end
  integer("port", port, 0, 65535, 2)
  ask_target(host, port)
end

function M.set_upstream(host)
  phases.check(ACCESS)
  if type(host) ~= "string" then error("host must be a string", 2) end
  if ask_upstream(host) then return true end
  return nil, "could not find an Upstream named '" .. host .. "'"
end

function M.set_retries(retries)
  phases.check(ACCESS)
  integer("retries", retries, 0, 32767, 2)
  ask_retries(retries)
end

function M.set_timeouts(connect_timeout, write_timeout, read_timeout)
  phases.check(ACCESS)
  integer("connect_timeout", connect_timeout, 1, 2147483646, 2)
  integer("write_timeout", write_timeout, 1, 2147483646, 2)
  integer("read_timeout", read_timeout, 1, 2147483646, 2)
  ask_timeouts(connect_timeout, write_timeout, read_timeout)
end

function M.set_target_retry_callback(callback)
  phases.check(ACCESS)
  if type(callback) ~= "function" then error("retry_callback must be a function", 2) end
  native.request().retry_callback = callback
  ask_callback()
end

function M.set_tls_verify(on)
  phases.check(TARGET_PHASES)
  if type(on) ~= "boolean" then error("argument must be a boolean", 2) end
  ask_verify(on)
  return true
end

function M.set_tls_verify_depth(depth)
  phases.check(TARGET_PHASES)
  if type(depth) ~= "number" then error("argument must be a number", 2) end
  if depth < 0 or depth % 1 ~= 0 then error("depth expects a non-negative integer but found " .. tostring(depth), 2) end
  ask_depth(depth)
  return true
end

function M.set_tls_cert_key(chain, key)
  phases.check(TARGET_PHASES)
  if type(chain) ~= "cdata" then error("chain must be a parsed cdata object", 2) end
  if type(key) ~= "cdata" then error("key must be a parsed cdata object", 2) end
  local chain_text, key_text = pem.parsed(chain), pem.parsed(key)
  if not chain_text or not key_text then return nil, "the chain and the key have to be parsed by ngx.ssl or resty.openssl" end
  return ask_cert(chain_text, key_text)
end

function M.set_tls_verify_store(store)
  phases.check(TARGET_PHASES)
  if type(store) ~= "table" or not require("gibbon.pem_openssl").is_store(store) then
    error("argument must be a resty.openssl.x509.store object", 2)
  end
  if require("gibbon.pem_openssl").has_lists(store.ctx) then
    return nil, "the store has revocation lists, which are not looked at in connections to services: leave them out"
  end
  return ask_store(pem.of(store.ctx))
end

return M
