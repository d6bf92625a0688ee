-- What ngx and kong are in the stream subsystem: there is no request and no response. Loaded last, in VMs of L4 sessions only.
local native = require "gibbon.native"
local op = require "gibbon.op"
local phases = require "gibbon.phases"

local type, error, tostring, concat, select = type, error, tostring, table.concat, select
local phase, refuse, exit = native.phase, native.refuse, native.exit
local ask_exit, ask_ngx_exit, ask_print, ask_socket = op.ask("stream.exit"), op.ask("stream.ngx_exit"), op.ask("stream.print"), op.ask("stream.socket")
local wait_peek, wait_receive = op.wait("stream.peek"), op.wait("stream.receive")

local PREREAD = 0x4000
local function prereading()
  if phase() ~= PREREAD then refuse() end
end

-- ---- ngx.req.socket ----

local Socket = {}
Socket.__index = Socket

function Socket:settimeout(ms) self.timeout = ms end
function Socket:settimeouts(_, _, read) self.timeout = read end
function Socket:setoption() return 1 end

function Socket:peek(n)
  if type(n) ~= "number" or n < 1 then error("bad argument #1 to 'peek' (a positive number expected)", 2) end
  return wait_peek(n, self.timeout)
end

function Socket:receive(pattern)
  if pattern == nil or pattern == "*l" then return wait_receive("line", 0, "", false, self.timeout) end
  if pattern == "*a" then return wait_receive("all", 0, "", false, self.timeout) end
  local n = tonumber(pattern)
  if not n or n < 0 then error("bad argument #1 to 'receive' (invalid argument)", 2) end
  if n == 0 then return "" end
  return wait_receive("count", n, "", false, self.timeout)
end

function Socket:receiveany(max)
  if type(max) ~= "number" or max < 1 then error("bad argument #1 to 'receiveany' (bad max argument)", 2) end
  return wait_receive("any", max, "", false, self.timeout)
end

function Socket:receiveuntil(pattern, options)
  if type(pattern) ~= "string" or pattern == "" then return nil, "pattern is empty" end
  local inclusive = type(options) == "table" and options.inclusive and true or false
  return function() return wait_receive("until", 0, pattern, inclusive, self.timeout) end
end

local function text(v)
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  for i = 1, #v do out[i] = text(v[i]) end
  return concat(out)
end

function Socket:send(data) return ask_print(text(data)) end
function Socket:close() return 1 end

ngx.req = {
  socket = function()
    prereading()
    local ok, err = ask_socket()
    if not ok then return nil, err end
    return setmetatable({ timeout = 60000 }, Socket)
  end,
}

-- ---- what ends a session, what its client gets ----

function ngx.print(...)
  prereading()
  local out = {}
  for i = 1, select("#", ...) do out[i] = text((select(i, ...))) end
  local n, err = ask_print(concat(out))
  if not n then return nil, err end
  return 1
end

function ngx.say(...)
  prereading()
  local out, n = {}, select("#", ...)
  for i = 1, n do out[i] = text((select(i, ...))) end
  out[n + 1] = "\n"
  local sent, err = ask_print(concat(out))
  if not sent then return nil, err end
  return 1
end

function ngx.flush() return 1 end
function ngx.eof() return 1 end

local EXITS = { [PREREAD] = true, [0x1000] = true, [0x2] = true, [0x8] = true }
function ngx.exit(code)
  local p = phase()
  if not EXITS[p] then refuse() end
  if type(code) ~= "number" then error("bad argument #1 to 'exit' (number expected, got " .. type(code) .. ")", 2) end
  if p == PREREAD then ask_ngx_exit(code) end
  exit()
end

for _, name in ipairs { "header", "redirect", "exec", "send_headers", "headers_sent", "resp", "location", "is_subrequest" } do rawset(ngx, name, nil) end

local index = native.ngx_index
setmetatable(ngx, {
  __index = function(t, name)
    if name == "header" then return nil end
    return index(t, name)
  end,
  __newindex = native.ngx_newindex,
})

-- TLS with the service is left out for this session, whatever the service's protocol is; there is no way back.
local ask_no_tls = op.ask("stream.disable_tls")
local TLS_PHASES = phases.set("preread", "balancer")
function kong.service.request.disable_tls()
  phases.check(TLS_PHASES)
  return ask_no_tls()
end

function kong.response.exit(status, body)
  if type(status) ~= "number" then error("code must be a number", 2) end
  if status < 100 or status > 599 then error("code must be a number between 100 and 599", 2) end
  if body ~= nil and type(body) ~= "string" then error("body must be a nil or string", 2) end
  prereading()
  local _, err = ask_exit(status, body)
  if err then error(err, 2) end
  exit()
end

return true
