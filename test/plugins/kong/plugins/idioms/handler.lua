local ffi = require "ffi"
local bit = require "bit"
local constants = require "lua_system_constants"
local cjson = require "cjson.safe"
local new_tab = require "table.new"
local nkeys = require "table.nkeys"
local buffer = require "string.buffer"
local kong_utils = require "kong.tools.utils"
local errlog = require "ngx.errlog"
local fmt, pairs, type = string.format, pairs, type

ffi.cdef [[
int write(int fd, const void * ptr, int numbytes);
int open(const char *path, int flags, int mode);
int close(int fd);
char *strerror(int errnum);
]]

local Idioms = { VERSION = "1.0.0", PRIORITY = 5 }
local seen_configs = 0

function Idioms:configure(configs)
  for _, c in ipairs(configs or {}) do
    seen_configs = seen_configs + 1
    assert(c.__plugin_id or c.route_id or c.nested)
  end
end

function Idioms:init_worker()
  local ok, err = kong.timer:at(0, function() ngx.shared.kong:set("idioms:timer", ngx.get_phase()) end)
  if not ok then kong.log.err(err) end
  kong.worker_events.register(function(data, event, source, pid) ngx.shared.kong:set("idioms:event", event .. " from " .. source .. ": " .. data.x) end,
    "idioms", "created")
  kong.cluster_events:subscribe("idioms", function(data) ngx.shared.kong:set("idioms:cluster", data) end)
end

local function write_file(path, text)
  local mode = bit.bor(constants.S_IRUSR(), constants.S_IWUSR(), constants.S_IRGRP(), constants.S_IROTH())
  local fd = ffi.C.open(path, bit.bor(constants.O_WRONLY(), constants.O_CREAT(), constants.O_APPEND()), mode)
  if fd < 0 then return nil, ffi.string(ffi.C.strerror(ffi.errno())) end
  local n = ffi.C.write(fd, text, #text)
  ffi.C.close(fd)
  return n
end

local checks = {}

function checks.configuration()
  local c = kong.configuration
  return { database = c.database, role = c.role, daemon = c.nginx_daemon, prefix = type(c.prefix), headers = c.enabled_headers["Via"], server = c.enabled_headers["X-Kong-Upstream-Latency"],
    listeners = type(c.proxy_listeners), first = type(c.proxy_listeners[1] and c.proxy_listeners[1].port), stream = type(c.stream_listeners), plugins = c.loaded_plugins and c.loaded_plugins["idioms"],
    keyring = tostring(c.keyring_enabled), anonymous = c.anonymous_reports, trusted = c.trusted_ips and c.trusted_ips[1], ro = not pcall(function() c.x = 1 end) }
end

function checks.vars()
  local v = ngx.var
  return { uri = v.uri, request_uri = v.request_uri, scheme = v.scheme, host = v.host, args = v.args, arg = v.arg_q, is_args = v.is_args, cookie = v.cookie_Sess, method = v.request_method,
    upstream_uri = v.upstream_uri, upstream_host = v.upstream_host, http = v.http_x_one, request = v.request, port = type(v.server_port), addr = v.remote_addr, absent = v.http_absent,
    session_secret = v.session_secret, sni = v.ssl_server_name, id = #v.request_id,
    kid = #(v.kong_request_id or ""), prefix = v.upstream_x_forwarded_prefix, xfp = v.upstream_x_forwarded_proto, type = v.content_type, length = v.content_length, server = v.server_addr,
    msec = tonumber(v.msec) ~= nil, proto = v.server_protocol, auth = v.http_authorization, bytes = tonumber(v.request_length) ~= nil, body = v.request_body, time = v.time_iso8601 ~= nil, pid = tonumber(v.pid) ~= nil }
end

function checks.node()
  local stats = kong.node.get_memory_stats()
  return { id = #kong.node.get_id(), host = type(kong.node.get_hostname()), dicts = type(stats.lua_shared_dicts.kong.capacity), vms = type(stats.workers_lua_vms[1].http_allocated_gc),
    subsystem = kong.nginx.get_subsystem(), cluster = (kong.cluster.get_id and true), version = kong.version, number = kong.version_num, worker = ngx.worker.id(), count = ngx.worker.count(), pid = type(ngx.worker.pid()) }
end

function checks.db()
  local n, names = 0, {}
  for p, err in kong.db.plugins:each(100) do
    if not p then return { err = err } end
    n = n + 1
    names[p.name] = true
  end
  local route = kong.router.get_route()
  local same = kong.db.routes:select({ id = route.id })
  local byname = kong.db.routes:select_by_name("idioms")
  local list = kong.db.consumers:page(10)
  local done, err, err_t = kong.db.consumers:insert({ username = "x" })
  return { more = n > 3, idioms = names.idioms, same = same and same.name, byname = byname and byname.id == route.id, service = same.service.id == kong.router.get_service().id, consumers = #list,
    insert = tostring(done), code = err_t and err_t.name, strategy = kong.db.strategy, connector = type(kong.db.connector), schema = kong.db.routes.schema and kong.db.routes.schema.name,
    wsid = type(kong.default_workspace), key = kong.db.consumers:cache_key("a"):sub(1, 12) }
end

function checks.cache()
  local n = 0
  local function cb(a, b) n = n + 1 return { sum = a + b } end
  local v1, _, l1 = kong.cache:get("idioms:k", { ttl = 10 }, cb, 1, 2)
  local v2, _, l2 = kong.cache:get("idioms:k", nil, cb, 1, 2)
  local ttl, perr, pv = kong.cache:probe("idioms:k")
  kong.cache:invalidate_local("idioms:k")
  kong.cache:get("idioms:k", nil, cb, 1, 2)
  kong.cache:invalidate("idioms:k")
  local nilv, nerr, nl = kong.cache:get("idioms:nil", { neg_ttl = 5 }, function() return nil end)
  local _, nerr2, nl2 = kong.cache:get("idioms:nil", { neg_ttl = 5 }, function() error("called") end)
  local bad, berr = kong.cache:get("idioms:bad", nil, function() return nil, "down" end)
  local thrown, terr = kong.cache:get("idioms:thrown", nil, function() error("boom") end)
  return { sum = v2.sum, same = v1 == v2, l1 = l1, l2 = l2, ttl = ttl and ttl > 8, pv = pv and pv.sum, n = n, nilv = tostring(nilv), nl = nl, nl2 = nl2, nerr2 = tostring(nerr2), berr = berr, terr = terr ~= nil }
end

function checks.events()
  kong.worker_events.post("idioms", "created", { x = 1 })
  kong.cluster_events:broadcast("idioms", "payload")
  ngx.sleep(0.05)
  return { event = ngx.shared.kong:get("idioms:event"), timer = ngx.shared.kong:get("idioms:timer") }
end

function checks.files()
  local path = os.tmpname()
  local n, err = write_file(path, "line\n")
  local f = io.open(path)
  local text = f:read("*a")
  f:close()
  os.remove(path)
  local none, no = write_file("/no/such/file", "x")
  return { n = n, text = text, err = err, none = tostring(none), no = no }
end

function checks.tables()
  local t = new_tab(2, 2)
  t[1], t.a = 1, 2
  local b = buffer.new():put("a", "b"):put(1)
  return { n = nkeys(t), buffer = b:get(), split = kong_utils.split("a.b", ".")[2], uuid = kong_utils.is_valid_uuid(kong_utils.uuid()), merge = kong.table.merge({ a = 1 }, { b = 2 }).b,
    clear = next(kong.table.clear and (function() local x = { 1 } kong.table.clear(x) return x end)() or {}) == nil, isempty = next(setmetatable({}, cjson.empty_array_mt)) == nil,
    pack = table.pack and table.pack(1, nil).n, unpack = select("#", unpack({ 1, 2 })), mathx = require("mathx").frexp ~= nil, goto_ = (function() for i = 1, 3 do if i == 2 then goto continue end ::continue:: end return true end)() }
end

function checks.threads()
  local function work(n) ngx.sleep(0.005) return n * 2 end
  local a, b = ngx.thread.spawn(work, 1), ngx.thread.spawn(work, 2)
  local _, x = ngx.thread.wait(a)
  local _, y = ngx.thread.wait(b)
  local co = coroutine.wrap(function() coroutine.yield(1) return 2 end)
  return { x = x, y = y, co = co() + co() }
end

function checks.request()
  return { scheme = kong.request.get_scheme(), forwarded = kong.request.get_forwarded_host(), version = kong.request.get_http_version(), raw = kong.request.get_raw_path(),
    query = kong.request.get_query().q, raw_query = kong.request.get_raw_query(), body = kong.request.get_body() and kong.request.get_body().a, uri_args = ngx.req.get_uri_args().q,
    post = (function() ngx.req.read_body() return ngx.req.get_post_args().a end)(), captures = kong.request.get_uri_captures and type(kong.request.get_uri_captures().named), start = ngx.req.start_time() <= ngx.now(),
    headers = ngx.req.get_headers()["X-One"], hv = ngx.req.http_version(), raw_header = ngx.req.raw_header():sub(1, 4), internal = ngx.req.is_internal() }
end

function checks.config(conf)
  return { secret = conf.secret, tag = conf.tags[1].name, on = conf.nested.deep.on, mode = conf.modes[1], limit = conf.limits.x.max, port = conf.port, rate = conf.rate, batch = conf.queue.max_batch_size,
    route = conf.route_id == kong.router.get_route().id, id = conf.__plugin_id == kong.plugin.get_id(), old = tostring(conf.old_name), legacy = conf.legacy_port, seen = seen_configs > 0 }
end

function checks.ctx()
  kong.ctx.shared.a = { 1 }
  kong.ctx.plugin.b = 2
  ngx.ctx.c = 3
  return { a = kong.ctx.shared.a[1], b = kong.ctx.plugin.b, c = ngx.ctx.c, route = ngx.ctx.route and ngx.ctx.route.name, service = ngx.ctx.service and ngx.ctx.service.name, start = type(ngx.ctx.KONG_PROCESSING_START),
    balancer = type(ngx.ctx.balancer_data), captures = type(ngx.ctx.router_matches), phase = ngx.get_phase() }
end

function checks.logs()
  errlog.set_filter_level(ngx.WARN)
  kong.log.inspect({ a = 1 })
  kong.log("plain")
  kong.log.notice("n", 1, nil, true, {})
  return { err = pcall(errlog.get_logs), raw = errlog.raw_log and pcall(errlog.raw_log, ngx.NOTICE, "raw line") }
end

function checks.tracing()
  local span = kong.tracing.start_span("s", { attributes = { a = 1 } })
  span:set_attribute("k", "v")
  span:add_event("e", { x = 1 })
  span:set_status(2)
  span:record_error("bad")
  span:finish()
  return { active = type(kong.tracing.active_span), root = kong.tracing.get_root_span and true, probability = kong.tracing.get_sampling_decision ~= nil }
end

function Idioms:access(conf)
  local name = kong.request.get_header("x-check")
  if not name then return end
  local ok, result = xpcall(checks[name], debug.traceback, conf)
  return kong.response.exit(200, { [ok and "ok" or "failed"] = result })
end

function Idioms:header_filter(conf)
  kong.response.set_header("X-Phases", (kong.response.get_header("X-Phases") or "") .. "h")
  ngx.header["X-Source"] = kong.response.get_source()
  kong.ctx.plugin.var = ngx.var.sent_http_content_type
  kong.ctx.plugin.up = ngx.var.upstream_addr
  kong.ctx.plugin.uph = ngx.var.upstream_http_x_up
end

function Idioms:log(conf)
  local v = ngx.var
  local s = kong.log.serialize()
  kong.log.notice("END ", cjson.encode { var = kong.ctx.plugin.var, up = kong.ctx.plugin.up ~= nil, uph = kong.ctx.plugin.uph, status = v.status, sent = tonumber(v.bytes_sent) ~= nil, body = tonumber(v.body_bytes_sent) ~= nil,
    time = tonumber(v.request_time) ~= nil, ustatus = v.upstream_status, utime = v.upstream_response_time ~= nil, tries = s.tries and #s.tries, latency = s.latencies.proxy ~= nil, client = s.client_ip, size = s.response.size ~= nil })
end

return Idioms
