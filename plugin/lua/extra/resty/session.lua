-- resty.session: sessions of browsers, in cookies or in a storage that cookies point into. Both ways to use it are here: version 4's
-- (init, start, open, new, logout, destroy; get, set, set_subject …) and version 3's (data, present, cookie, save, regenerate …).
-- An object answers both; how the module's functions were called decides what they return (session_config.is_old).
local native = require "gibbon.native"
local cookies = require "gibbon.session_cookie"
local config_lib = require "gibbon.session_config"
local store_lib = require "gibbon.session_store"
local cjson = require "cjson.safe"
local gzip = require "kong.tools.gzip"

local type, tostring, pairs, ipairs, setmetatable, getmetatable, select, error = type, tostring, pairs, ipairs, setmetatable, getmetatable, select, error
local next, min, max, ngx = next, math.min, math.max, ngx
local to64 = native.encode_base64url

local M = { _VERSION = "4.0.5" }
local Session = {}
local mt = { __index = Session }
M.__index, M.metatable = Session, mt

local defaults

-- ---- making one ----

-- init(config) sets what holds where a call says nothing.
function M.init(config) defaults = config end

local function bound_to(self)
  local c = self.check
  if next(c) == nil then return self.name end
  local var, parts, on = ngx.var, { self.name }, config_lib.boolean
  if on(c.ssi) then parts[#parts + 1] = var.ssl_session_id or "" end
  if on(c.ua) then parts[#parts + 1] = var.http_user_agent or "" end
  if on(c.addr) then parts[#parts + 1] = var.remote_addr or "" end
  if on(c.scheme) then parts[#parts + 1] = var.scheme or "" end
  return table.concat(parts, "\0")
end

-- info keeps values beside the data: info:set(key, value), info:get(key), info:save().
local Info = {}
Info.__index = Info
function Info:get(key) return self.values[key] end
function Info:set(key, value) self.values[key] = value end
function Info:save() return self.session:save() end

-- new(config) is a session that nothing is known of yet.
function M.new(config)
  local c = config_lib.of(config, defaults)
  local self = setmetatable({ config = c, name = c.cookie_name, audience = c.audience, subject = c.subject, secret = c.secret or c.ikm, remember = config_lib.boolean(c.remember),
    check = type(c.check) == "table" and c.check or {}, entries = {}, data = {}, present = false, opened = false, started = false, closed = false, destroyed = false,
    cookie = { persistent = config_lib.boolean(c.cookie_persistent), lifetime = c.rolling_timeout, idletime = c.idling_timeout, renew = c.renew, path = c.cookie_path,
      domain = c.cookie_domain, samesite = c.cookie_same_site, secure = c.cookie_secure, httponly = c.cookie_http_only } }, mt)
  self.info = setmetatable({ values = {}, session = self }, Info)
  local err
  self.store, err = store_lib.of(c)
  if err then error(err, 2) end
  return self
end

-- ---- cookies ----

local function attributes(self, remember)
  local k, c = self.cookie, self.config
  local out = {}
  if k.path then out[#out + 1] = "; Path=" .. k.path end
  if k.domain and k.domain ~= "localhost" and k.domain ~= "" then out[#out + 1] = "; Domain=" .. k.domain end
  local secure = k.secure
  if secure == nil then secure = ngx.var.scheme == "https" end
  local same = k.samesite
  if same and same ~= "" and same ~= "off" and same ~= "Default" then out[#out + 1] = "; SameSite=" .. same end
  if c.cookie_same_party then out[#out + 1] = "; SameParty" end
  if c.cookie_partitioned then out[#out + 1] = "; Partitioned" end
  if c.cookie_priority then out[#out + 1] = "; Priority=" .. c.cookie_priority end
  if secure then out[#out + 1] = "; Secure" end
  if k.httponly ~= false then out[#out + 1] = "; HttpOnly" end
  local life = ""
  if remember or k.persistent then
    local left = remember and c.remember_rolling_timeout or k.lifetime
    life = "; Expires=" .. ngx.cookie_time(ngx.time() + left) .. "; Max-Age=" .. left
  end
  return { text = table.concat(out), life = life }
end

-- limits gives the rolling, absolute and idling timeouts, 0 = none.
local function limits(self, remember)
  local c = self.config
  if remember then return c.remember_rolling_timeout, c.remember_absolute_timeout, 0 end
  return self.cookie.lifetime or 0, c.absolute_timeout, self.cookie.idletime or 0
end

local function overdue(self, meta, remember)
  local now = ngx.time()
  local rolling, absolute, idling = limits(self, remember)
  if absolute > 0 and now - meta.created > absolute then return "session absolute timeout exceeded" end
  if rolling > 0 and now - meta.rolling > rolling then return "session rolling timeout exceeded" end
  if idling > 0 and now - meta.idling > idling then return "session idling timeout exceeded" end
end

local function storage_key(self, id)
  if self.config.hash_storage_key then id = native.digest("sha256", id) end
  return to64(id)
end

-- ---- what is in it ----

-- adopt makes the entries of a payload the session's; nil, why not if none is for its audience.
local function adopt(self, entries)
  self.entries = entries
  for _, e in ipairs(entries) do
    if e[2] == self.audience then
      self.entry, self.data, self.subject = e, e[1], e[3] ~= cjson.null and e[3] or nil
      self.info.values = type(e[4]) == "table" and e[4] or {}
      return true
    end
  end
  return nil, "missing session audience"
end

local function payload_of(self, meta, name, secret)
  local bound = bound_to(self)
  local coded = meta.data
  if meta.flags % 2 == cookies.STORED then
    if not self.store then return nil, "the session lies in a storage that is not set" end
    local err
    coded, err = self.store:get(name, storage_key(self, meta.id), ngx.time())
    if not coded then return nil, err end
  end
  local text, err = cookies.open(meta, secret, bound, coded)
  if text and math.floor(meta.flags / cookies.COMPRESSED) % 2 == 1 then text, err = gzip.inflate_gzip(text) end
  if not text then return nil, err end
  local entries = cjson.decode(text)
  if type(entries) ~= "table" then return nil, "unable to decode session data" end
  meta.coded = coded
  return entries
end

local function open_cookie(self, name, remember)
  local text, count = cookies.request(name)
  if not text then return nil, "missing session cookie" end
  local meta, err = cookies.read(text)
  if not meta then return nil, err end
  meta.count = count
  local secret
  secret, err = cookies.authentic(meta, config_lib.secrets(self.config, self.secret), bound_to(self))
  if not secret then return nil, err end
  err = overdue(self, meta, remember)
  if err then return nil, err end
  local entries
  entries, err = payload_of(self, meta, name, secret)
  if not entries then return nil, err end
  meta.secret = secret
  return meta, nil, entries
end

-- open() finds the client's session: true; or nil and why there is none.
function Session:open()
  local meta, err, entries = open_cookie(self, self.name, false)
  if not meta and self.config.remember_cookie_name then
    local found, _, kept = open_cookie(self, self.config.remember_cookie_name, true)
    if found then meta, entries, self.remember, self.from_remember = found, kept, true, true end
  end
  self.state, self.opened = "open", true
  if not meta then
    self.count = select(2, cookies.request(self.name)) or 0
    return nil, err
  end
  local ok
  ok, err = adopt(self, entries)
  self.meta, self.count = meta, self.from_remember and 0 or meta.count
  self.id = to64(meta.id)
  self.expires = meta.rolling + (limits(self, self.from_remember))
  if not ok then return nil, err end
  self.present = true
  return true
end

-- ---- writing ----

local function write(self, name, remember, id, created)
  local now = ngx.time()
  local rolling, absolute = limits(self, remember)
  local meta = { flags = (self.store and cookies.STORED or 0) + (remember and cookies.REMEMBER or 0), id = id, created = created, rolling = now, idling = now }
  local text, err = cjson.encode(self.entries)
  if not text then return nil, err end
  local threshold = self.config.compression_threshold
  local packed = threshold > 0 and #text > threshold and gzip.deflate_gzip(text)
  if packed and #packed < #text then text, meta.flags = packed, meta.flags + cookies.COMPRESSED end
  local head, coded = cookies.seal(meta, config_lib.secrets(self.config, self.secret)[1], bound_to(self), text)
  if not head then return nil, coded end
  local value, had = head, self.meta and not remember and self.meta.id
  if self.store then
    local ttl = rolling
    if absolute > 0 then ttl = min(ttl > 0 and ttl or absolute, max(created + absolute - now, 1)) end
    local old = had and had ~= id and storage_key(self, had) or nil
    local ok
    ok, err = self.store:set(name, storage_key(self, id), coded, ttl, now, old, self.config.stale_ttl, nil, remember)
    if not ok then return nil, err end
  else
    value = head .. coded
  end
  local ok
  ok, err = cookies.set(name, value, attributes(self, remember), remember and 0 or self.count)
  if not ok then return nil, err end
  local again = cookies.read(head)
  again.coded, again.secret, again.count, again.data = coded, config_lib.secrets(self.config, self.secret)[1], 1, self.store and "" or coded
  return again
end

local function keep(self, id, created)
  if not self.entry then
    self.entry = { self.data, self.audience, self.subject }
    self.entries[#self.entries + 1] = self.entry
  end
  local e = self.entry
  e[1], e[2], e[3], e[4] = self.data, self.audience, self.subject or cjson.null, next(self.info.values) and self.info.values or nil
  local meta, err = write(self, self.name, false, id, created)
  if not meta then return nil, err end
  if self.remember then
    local ok
    ok, err = write(self, self.config.remember_cookie_name, true, native.random_bytes(32), created)
    if not ok then return nil, err end
  end
  self.meta, self.id, self.present, self.from_remember = meta, to64(meta.id), true, nil
  self.expires = meta.rolling + (limits(self))
  return true
end

-- save() writes the session under a new id (version 4), or under the one it has (version 3).
function Session:save()
  local meta = self.meta
  local id = self.config.old and meta and not self.from_remember and meta.id or native.random_bytes(32)
  local ok, err = keep(self, id, meta and meta.created or ngx.time())
  if not ok then return nil, err end
  self.destroyed, self.state = false, "open"
  return true
end

-- refresh() gives the session a new id; touch() notes that it is in use, without writing its data.
function Session:refresh()
  if not self.meta then return nil, "unable to refresh a session that does not exist" end
  return keep(self, native.random_bytes(32), self.meta.created)
end

function Session:touch()
  local meta = self.meta
  if not meta then return nil, "unable to touch a session that does not exist" end
  local now = ngx.time()
  local head = cookies.touch(meta.raw, meta.secret, bound_to(self), min(now - meta.rolling, 2 ^ 24 - 1))
  meta.idling = now
  return cookies.set(self.name, self.store and head or head .. meta.coded, attributes(self), self.count)
end

-- regenerate(flush) is version 3's: a new id, and with flush nothing in it. The old one lives stale_ttl (cookie.discard) seconds longer,
-- for requests that are under way.
function Session:regenerate(flush)
  if flush then self.data = {} end
  local old = self.meta
  return keep(self, native.random_bytes(32), old and old.created or ngx.time())
end

local function forget(self)
  local attr = attributes(self)
  if self.store and self.meta then
    local ok, err = self.store:delete(self.name, storage_key(self, self.meta.id), ngx.time())
    if not ok then return nil, err end
  end
  cookies.set(self.name, nil, attr, max(self.count or 0, 1))
  local text, n = cookies.request(self.config.remember_cookie_name)
  if text or self.remember then cookies.set(self.config.remember_cookie_name, nil, attr, n or 1) end
  return true
end

-- destroy() ends the session for all audiences; logout() for this one.
function Session:destroy()
  local ok, err = forget(self)
  if not ok then return nil, err end
  self.data, self.entries, self.entry, self.meta, self.id, self.expires = {}, {}, nil, nil, nil, nil
  self.present, self.opened, self.started, self.destroyed, self.closed, self.state = false, false, false, true, true, "closed"
  return true
end

function Session:logout()
  local left = {}
  for _, e in ipairs(self.entries) do
    if e ~= self.entry then left[#left + 1] = e end
  end
  if #left == 0 then return self:destroy() end
  self.entries = left
  local meta, err = write(self, self.name, false, native.random_bytes(32), self.meta and self.meta.created or ngx.time())
  if not meta then return nil, err end
  self.entry, self.data, self.meta, self.present, self.state = nil, {}, meta, false, "closed"
  return true
end

function Session:close()
  self.closed, self.state = true, "closed"
  return true
end

-- hide() keeps the session's cookies from the upstream.
function Session:hide()
  cookies.hide(self.name)
  return cookies.hide(self.config.remember_cookie_name)
end
Session.clear_request_cookie = Session.hide

-- ---- starting ----

-- started: is the session opened and renewed where its time comes? gives exists, error, refreshed.
local function started(self)
  if self.started then return self.present, nil, false end
  local ok, err = true, nil
  if not self.opened then ok, err = self:open() end
  self.started = true
  if not ok then
    self.data = self.data or {}
    if self.config.old then
      local saved, why = self:save()
      self.present = false
      if not saved then return nil, why, false end
    end
    return false, err, false
  end
  if not self.meta then return self.present, nil, false end
  local now, refreshed = ngx.time(), false
  local rolling = limits(self, self.from_remember)
  local renew = self.config.old and (self.cookie.renew or 0) or rolling / 4
  if self.from_remember or rolling > 0 and self.meta.rolling + rolling - now <= renew then
    ok, err = self.config.old and not self.from_remember and self:save() or self:refresh()
    if not ok then return nil, err, false end
    refreshed = true
  elseif (self.cookie.idletime or 0) > 0 and now - self.meta.idling > self.config.touch_threshold then
    ok, err = self:touch()
    if not ok then return nil, err, false end
  end
  return true, nil, refreshed
end

-- start(): session, present (version 3).
function Session:start()
  local exists, err = started(self)
  if exists == nil then return nil, err end
  return self, exists
end

-- open(config): session, error, exists; of version 3: session, exists, error.
function M.open(config)
  local self = M.new(config)
  local ok, err = self:open()
  if self.config.old then return self, ok == true, err end
  return self, err, ok == true
end

-- start(config): session, error, exists, refreshed; of version 3: session, exists, error.
function M.start(config)
  if type(config) == "table" and getmetatable(config) == mt then return config:start() end
  local self = M.new(config)
  local exists, err, refreshed = started(self)
  if exists == nil then return nil, err end
  if self.config.old then return self, exists, err end
  return self, err, exists, refreshed
end

-- logout(config), destroy(config): ok, error, existed, done
function M.logout(config)
  local self, err = M.new(config), nil
  local ok
  ok, err = self:open()
  if not ok then return nil, err, false, false end
  ok, err = self:logout()
  return ok, err, true, ok == true
end

function M.destroy(config)
  local self, err = M.new(config), nil
  local ok
  ok, err = self:open()
  if not ok then return nil, err, false, false end
  ok, err = self:destroy()
  return ok, err, true, ok == true
end

-- ---- values ----

function Session:get_data() return self.data end
function Session:set_data(data) self.data = data end
function Session:get(key) return self.data[key] end
function Session:set(key, value) self.data[key] = value end
function Session:get_subject() return self.subject end
function Session:set_subject(subject) self.subject = subject end
function Session:get_audience() return self.audience end
function Session:get_remember() return self.remember end
function Session:set_remember(v) self.remember = v end

-- set_audience(name) takes what is there to another audience; what that had goes.
function Session:set_audience(audience)
  if audience == self.audience then return end
  local kept = {}
  for _, e in ipairs(self.entries) do
    if e == self.entry or e[2] ~= audience then kept[#kept + 1] = e end
  end
  self.entries, self.audience = kept, audience
end

-- get_property(name): "id", "nonce", "audience", "subject", or seconds that are left: "timeout" and those of its kinds.
function Session:get_property(name)
  local meta = self.meta
  if name == "audience" or name == "subject" then return self[name] end
  if not meta then return nil end
  if name == "id" then return to64(meta.id) end
  if name == "nonce" then return meta.id end
  local rolling, absolute, idling = limits(self)
  local now = ngx.time()
  local left = { ["rolling-timeout"] = rolling > 0 and meta.rolling + rolling - now or nil, ["absolute-timeout"] = absolute > 0 and meta.created + absolute - now or nil,
    ["idling-timeout"] = idling > 0 and meta.idling + idling - now or nil }
  if name ~= "timeout" then return left[name] end
  local least
  for _, v in pairs(left) do least = min(least or v, v) end
  return least
end

local HEADERS = { id = "Session-Id", nonce = "Session-Nonce", audience = "Session-Audience", subject = "Session-Subject", timeout = "Session-Timeout",
  ["rolling-timeout"] = "Session-Rolling-Timeout", ["absolute-timeout"] = "Session-Absolute-Timeout", ["idling-timeout"] = "Session-Idling-Timeout" }

local function headers(self, put, list)
  for _, name in ipairs(list or {}) do
    local v = HEADERS[name] and self:get_property(name)
    if v ~= nil then put(HEADERS[name], tostring(v)) end
  end
end

function Session:set_request_headers(...)
  headers(self, ngx.req.set_header, select("#", ...) > 0 and { ... } or self.config.request_headers)
  return true
end

function Session:set_response_headers(...)
  headers(self, function(k, v) ngx.header[k] = v end, select("#", ...) > 0 and { ... } or self.config.response_headers)
  return true
end

function Session:set_headers(...)
  self:set_request_headers(...)
  return self:set_response_headers(...)
end

return setmetatable(M, { __call = function(_, config) return M.new(config) end })
