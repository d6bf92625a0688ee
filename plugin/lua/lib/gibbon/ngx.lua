-- The global ngx. What depends on the running request is answered by C metamethods (luajit/api_context.c); parts with code
-- of their own are in gibbon/ngx_*.lua.
local native = require "gibbon.native"
local op = require "gibbon.op"

local ngx = {
  null = require("cjson").null,
  OK = 0, ERROR = -1, AGAIN = -2, DONE = -4, DECLINED = -5,
  STDERR = 0, EMERG = 1, ALERT = 2, CRIT = 3, ERR = 4, WARN = 5, NOTICE = 6, INFO = 7, DEBUG = 8,
  HTTP_CONTINUE = 100, HTTP_SWITCHING_PROTOCOLS = 101,
  HTTP_OK = 200, HTTP_CREATED = 201, HTTP_ACCEPTED = 202, HTTP_NO_CONTENT = 204, HTTP_PARTIAL_CONTENT = 206,
  HTTP_SPECIAL_RESPONSE = 300, HTTP_MOVED_PERMANENTLY = 301, HTTP_MOVED_TEMPORARILY = 302, HTTP_SEE_OTHER = 303,
  HTTP_NOT_MODIFIED = 304, HTTP_TEMPORARY_REDIRECT = 307, HTTP_PERMANENT_REDIRECT = 308,
  HTTP_BAD_REQUEST = 400, HTTP_UNAUTHORIZED = 401, HTTP_PAYMENT_REQUIRED = 402, HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404,
  HTTP_NOT_ALLOWED = 405, HTTP_NOT_ACCEPTABLE = 406, HTTP_REQUEST_TIMEOUT = 408, HTTP_CONFLICT = 409, HTTP_GONE = 410,
  HTTP_UPGRADE_REQUIRED = 426, HTTP_TOO_MANY_REQUESTS = 429, HTTP_CLOSE = 444, HTTP_ILLEGAL = 451,
  HTTP_INTERNAL_SERVER_ERROR = 500, HTTP_NOT_IMPLEMENTED = 501, HTTP_METHOD_NOT_IMPLEMENTED = 501, HTTP_BAD_GATEWAY = 502,
  HTTP_SERVICE_UNAVAILABLE = 503, HTTP_GATEWAY_TIMEOUT = 504, HTTP_VERSION_NOT_SUPPORTED = 505, HTTP_INSUFFICIENT_STORAGE = 507,
  HTTP_GET = 2, HTTP_HEAD = 4, HTTP_POST = 8, HTTP_PUT = 16, HTTP_DELETE = 32, HTTP_MKCOL = 64, HTTP_COPY = 128,
  HTTP_MOVE = 256, HTTP_OPTIONS = 512, HTTP_PROPFIND = 1024, HTTP_PROPPATCH = 2048, HTTP_LOCK = 4096, HTTP_UNLOCK = 8192,
  HTTP_PATCH = 16384, HTTP_TRACE = 32768,
}

for _, name in ipairs { "escape_uri", "unescape_uri", "encode_base64", "decode_base64", "decode_base64mime", "quote_sql_str", "md5",
  "md5_bin", "sha1_bin", "hmac_sha1", "now", "time", "update_time", "today", "localtime", "utctime", "http_time", "cookie_time",
  "parse_http_time" } do
  ngx[name] = native[name]
end
ngx.crc32_short, ngx.crc32_long = native.crc32, native.crc32

-- ---- arguments ----

local args = require "gibbon.args"

function ngx.encode_args(t)
  if type(t) ~= "table" then error("bad argument #1 to 'encode_args' (table expected, got " .. type(t) .. ")", 2) end
  return args.encode(t)
end

function ngx.decode_args(s, max)
  local t, truncated = native.decode_args(s, max)
  if not truncated then return t end
  kong.log.notice("decode args truncated")
  return t, "truncated"
end

-- ---- log ----

local raw_log, log_level, getinfo, concat, select, tostring, type = native.log, native.log_level, debug.getinfo, table.concat, select, tostring, type

local function log_text(first, ...)
  local out = { ... }
  for i = 1, select("#", ...) do
    local v = out[i]
    if type(v) == "table" then
      local mt = getmetatable(v)
      if not mt or not mt.__tostring then
        error("bad argument #" .. i + first .. " to 'log' (expected table to have __tostring metamethod)", 3)
      end
    end
    out[i] = tostring(v)
  end
  return concat(out, "", 1, select("#", ...))
end

local function write(level, depth, first, ...)
  if level > log_level() then
    return
  end
  local text = log_text(first, ...)
  local info = getinfo(depth + 1, "Sln")
  local where = info and (info.short_src:match("([^/]*)$") .. ":" .. info.currentline .. ": " .. (info.name and info.name .. "(): " or "")) or ""
  raw_log(level, "[lua] " .. where .. text)
end

function ngx.log(level, ...)
  if type(level) ~= "number" then error("bad argument #1 to 'log' (number expected, got " .. type(level) .. ")", 2) end
  if level < 0 or level > 8 then error("bad log level: " .. tostring(level), 2) end
  write(level, 2, 1, ...)
end

function print(...) write(6, 2, 0, ...) end

-- ---- phases ----

local phase_names = {
  [0] = "init", [0x1] = "init_worker", [0x100000] = "init_worker", [0x2] = "ssl_cert", [0x8] = "ssl_client_hello", [0x10] = "rewrite",
  [0x20] = "access", [0x40] = "balancer", [0x80] = "access", [0x200] = "header_filter", [0x400] = "body_filter", [0x1000] = "timer",
  [0x2000] = "log", [0x4000] = "preread", [0x10000] = "access", [0x20000] = "content", [0x40000] = "content", [0x80000] = "log",
  [0x10000000] = "content",
}
local phase = native.phase

function ngx.get_phase() return phase_names[phase()] end

-- ---- tables of the request ----

ngx.arg = setmetatable({}, { __index = native.arg_index, __newindex = native.arg_newindex })
ngx.header = setmetatable({}, { __index = native.header_index, __newindex = native.header_newindex })

local var, set_var = native.var, native.set_var
local ask_var, ask_set_var = op.ask("var.get"), op.ask("var.set")
ngx.var = setmetatable({}, {
  __index = function(_, name)
    local v, known = var(name)
    if known then return v end
    return ask_var(name)
  end,
  __newindex = function(_, name, value)
    if not set_var(name, value) then ask_set_var(name, value ~= nil and tostring(value) or nil) end
  end,
})

-- ---- shared dictionaries ----

local shdict, declare = native.shdict, op.ask("shared.declare")
ngx.shared = setmetatable({}, {
  __index = function(t, name)
    if type(name) ~= "string" then return nil end
    local d = shdict(name)
    if not d and name ~= "" and declare(name) then d = shdict(name) end
    if d then rawset(t, name, d) end
    return d
  end,
  __pairs = function(t)
    declare("")
    for _, name in ipairs(native.shdict_names()) do local _ = t[name] end
    return next, t, nil
  end,
})

-- ---- configuration, worker ----

local ask_prefix = op.ask("configuration.get")
local prefix
ngx.config = {
  subsystem = package.loaded["gibbon.subsystem"], debug = false, nginx_version = 1025003, ngx_lua_version = 10026,
  prefix = function()
    prefix = prefix or (ask_prefix("prefix") or "/usr/local/kong") .. "/"
    return prefix
  end,
  nginx_configure = function() return "" end,
}

local ask_exiting = op.ask("worker.exiting")
ngx.worker = {
  id = function() return (native.worker()) end,
  count = function() return (select(2, native.worker())) end,
  pid = native.pid,
  pids = function()
    local t, n = {}, select(2, native.worker())
    for i = 1, n do t[i] = native.pid() end
    return t
  end,
  exiting = function() return ask_exiting() and true or false end,
}

-- ---- the parts ----

require "gibbon.ngx_re" (ngx)
require "gibbon.ngx_req" (ngx)
require "gibbon.ngx_output" (ngx)
local ok, blocking = pcall(require, "gibbon.ngx_wait")
if ok then blocking(ngx) elseif not tostring(blocking):find("module 'gibbon.ngx_wait' not found", 1, true) then error(blocking, 0) end

ngx.resp = { get_headers = native.resp_headers }
ngx.location = {
  capture = function() error("subrequests are not supported by this gateway: call the service over a socket", 2) end,
}
ngx.location.capture_multi = ngx.location.capture

return setmetatable(ngx, { __index = native.ngx_index, __newindex = native.ngx_newindex })
