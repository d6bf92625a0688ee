-- kong.client and kong.client.tls.
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"
local pem = require "gibbon.pem"

local type, error = type, error
local ROUTED = phases.set("access", "response", "header_filter", "body_filter", "log")
local ACCESS = phases.set("access")

local ask_identity, ask_authenticate, ask_load = op.ask("client.identity"), op.ask("client.authenticate"), op.ask("client.load_consumer")
local ask_protocol = op.ask("client.protocol")

local M = {}
local addresses = native.client
M.get_ip, M.get_port = addresses.get_ip, addresses.get_port
M.get_forwarded_ip, M.get_forwarded_port = addresses.get_forwarded_ip, addresses.get_forwarded_port

-- identity() is the request's {serial, consumer, credential}: Go plugins authenticate too, so the gateway is asked each
-- time whether it changed; the tables are made once per change.
local own = native.request

local function identity()
  local t = own()
  local known = t.identity
  local serial, consumer, credential = ask_identity(known and known.serial or -1)
  if known and serial == known.serial then return known end
  known = { serial = serial, consumer = consumer, credential = credential }
  t.identity = known
  return known
end

function M.get_consumer()
  phases.check(ROUTED)
  return identity().consumer
end

function M.get_credential()
  phases.check(ROUTED)
  return identity().credential
end

function M.authenticate(consumer, credential)
  phases.check(ACCESS)
  if consumer ~= nil and type(consumer) ~= "table" then error("consumer must be a table or nil", 2) end
  if credential ~= nil and type(credential) ~= "table" then error("credential must be a table or nil", 2) end
  if consumer == nil and credential == nil then error("either credential or consumer must be provided", 2) end
  local serial = ask_authenticate(consumer, credential)
  own().identity = { serial = serial, consumer = consumer, credential = credential }
end

function M.load_consumer(consumer_id, search_by_username)
  phases.check(ROUTED)
  if type(consumer_id) ~= "string" then error("consumer_id must be a string", 2) end
  local consumer, err, bad_id = ask_load(consumer_id, search_by_username and true or false)
  if bad_id then error(err, 2) end
  return consumer, err
end

function M.get_protocol(allow_terminated)
  phases.check(ROUTED)
  return ask_protocol(allow_terminated and true or false)
end

-- Consumer groups (Enterprise in the reference). They are the consumer's until a plugin sets others.
local ask_groups, ask_set_groups = op.ask("client.consumer_groups"), op.ask("client.set_consumer_groups")
local ask_authenticate_groups = op.ask("client.authenticate_groups")

function M.get_consumer_groups()
  phases.check(ROUTED)
  return ask_groups()
end

function M.get_consumer_group()
  phases.check(ROUTED)
  local groups = ask_groups()
  return groups and groups[1]
end

function M.set_authenticated_consumer_groups(groups)
  phases.check(ROUTED)
  if groups ~= nil and type(groups) ~= "table" then error("groups must be a table or nil", 2) end
  ask_set_groups(groups)
end

function M.set_authenticated_consumer_group(group)
  phases.check(ROUTED)
  if group ~= nil and type(group) ~= "table" then error("group must be a table or nil", 2) end
  ask_set_groups(group and { group } or nil)
end

function M.authenticate_consumer_group_by_consumer_id(consumer_id)
  phases.check(ACCESS)
  if type(consumer_id) ~= "string" then error("consumer_id must be a string", 2) end
  ask_authenticate_groups(consumer_id)
end

-- ---- kong.client.tls ----

local tls = {}
M.tls = tls

local CERTIFICATE, CLIENT_HELLO = phases.set("certificate"), phases.set("client_hello")
local CHAIN = phases.set("rewrite", "access", "balancer", "response", "log")
local VERIFY = phases.set("rewrite", "access", "balancer", "response")
local ask_request, ask_no_reuse = op.ask("client.tls.request_client_certificate"), op.ask("client.tls.disable_session_reuse")
local ask_no_http2, ask_chain, ask_set_verify = op.ask("client.tls.disable_http2_alpn"), op.ask("client.tls.chain"), op.ask("client.tls.set_client_verify")

function tls.request_client_certificate(ca_certs)
  phases.check(CERTIFICATE)
  return ask_request(pem.parsed(ca_certs))
end

function tls.disable_session_reuse()
  phases.check(CERTIFICATE)
  return ask_no_reuse()
end

function tls.disable_http2_alpn()
  phases.check(CLIENT_HELLO)
  return ask_no_http2()
end

function tls.get_full_client_certificate_chain()
  phases.check(CHAIN)
  local chain, err = ask_chain()
  if err then return nil, err end
  return chain
end

function tls.set_client_verify(v)
  phases.check(VERIFY)
  if type(v) ~= "string" then error("v must be a string", 2) end
  if v ~= "SUCCESS" and v ~= "NONE" and v:sub(1, 7) ~= "FAILED:" then
    error("unknown client verify value: " .. v .. ' accepted values are: "SUCCESS", "NONE" or "FAILED:<reason>"', 2)
  end
  ask_set_verify(v)
end

return M
