-- What handlers do in a day, by the request header X-How: they wait, fail and answer, in every way there is. Each request
-- carries a number of its own, by which mixed up contexts show.
local op = require "gibbon.op"

local stats = op.ask("runtime.stats")
local mixed, timers = 0, 0

local Soak = { PRIORITY = 1, VERSION = "1.0.0" }

local function later() ngx.sleep(math.random() * 0.003) end

local function fail() later() error("on purpose") end

local function answer() later() kong.response.exit(418, { message = "teapot" }) end

local function in_coroutine(f)
  local resume = coroutine.wrap(function() later() coroutine.yield() f() end)
  resume()
  resume()
end

local ways = {
  wait = later,
  ["wait in pcall"] = function() pcall(later) pcall(fail) end,
  ["wait in a coroutine"] = function() in_coroutine(later) end,
  ["read the body"] = function() return kong.request.get_raw_body() end,
  threads = function()
    local a, b, c = ngx.thread.spawn(later), ngx.thread.spawn(fail), ngx.thread.spawn(ngx.sleep, 60)
    ngx.thread.wait(a)
    ngx.thread.wait(b)
    ngx.thread.kill(c)
  end,
  ["thread left alone"] = function() ngx.thread.spawn(later) end,
  timer = function() ngx.timer.at(0, function() later() timers = timers + 1 end) end,
  ["coroutine left alone"] = function() coroutine.wrap(function() coroutine.yield() end)() end,
  garbage = function()
    local t = {}
    for i = 1, 100 do t[i] = { tostring(i) } end
    kong.ctx.shared.garbage = t
  end,
  fail = fail,
  ["fail at once"] = function() error({ code = 1 }) end,
  ["fail in a coroutine"] = function() in_coroutine(fail) end,
  answer = answer,
  ["answer in pcall"] = function() pcall(answer) end,
  ["answer in a coroutine"] = function() in_coroutine(answer) end,
  ["answer in a thread"] = function() ngx.thread.wait((ngx.thread.spawn(answer))) end,
}

function Soak:access()
  if kong.request.get_path() == "/stats" then
    collectgarbage()
    local s = stats()
    s.mixed, s.timers_run = mixed, timers
    return kong.response.exit(200, s)
  end
  kong.ctx.plugin.id = kong.request.get_header("X-Id")
  local way = ways[kong.request.get_header("X-How")]
  if way then way() end
  if kong.ctx.plugin.id ~= kong.request.get_header("X-Id") then mixed = mixed + 1 end
end

function Soak:header_filter()
  if kong.ctx.plugin.id then kong.response.set_header("X-Id", kong.ctx.plugin.id) end
  if kong.request.get_header("X-How") == "fail in header_filter" then error("on purpose") end
end

function Soak:body_filter()
  if kong.request.get_header("X-How") == "fail in body_filter" then error("on purpose") end
end

function Soak:log()
  if kong.ctx.plugin.id ~= kong.request.get_header("X-Id") then mixed = mixed + 1 end
  if kong.request.get_header("X-How") == "fail in log" then error("on purpose") end
end

return Soak
