-- kong.websocket: client and upstream, the frames from either side of a ws or wss service.
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"

local type, error, floor = type, error, math.floor
local frame, frame_set, frame_status, frame_drop, exit = native.frame, native.frame_set, native.frame_status, native.frame_drop, native.exit
local ask_close, ask_limit = op.ask("websocket.close"), op.ask("websocket.limit")
local check = phases.check

local MAX_SIZE = 33554432
local limits = { close = 123, ping = 125, pong = 125 }

-- valid(code) says whether a close frame may carry it (RFC 6455 section 7.4.1).
local function valid(code)
  if code ~= floor(code) then return false end
  return code >= 1000 and code <= 1014 and code ~= 1004 and code ~= 1005 and code ~= 1006 or code >= 3000 and code <= 4999
end

local function check_status(name, status)
  if status == nil then return end
  if type(status) ~= "number" then error(name .. " must be a number", 3) end
  if not valid(status) then error(name .. " " .. status .. " cannot stand in a close frame", 3) end
end

local function check_payload(name, text)
  if text == nil then return end
  if type(text) ~= "string" then error(name .. " must be a string", 3) end
  if #text > limits.close then error(name .. " has at most 123 bytes", 3) end
end

-- side(name, phase, other) makes kong.websocket.<name>; other is what its close calls the far side.
local function side(name, phase, other)
  local FRAME, LIMIT = phases.set(phase), phases.set("ws_handshake", phase)
  local other_status, other_payload = other .. "_status", other .. "_payload"
  local M = {}

  function M.get_frame()
    check(FRAME)
    return frame()
  end

  function M.set_frame_data(data)
    check(FRAME)
    if type(data) ~= "string" then error("frame payload must be a string", 2) end
    local _, kind = frame()
    if limits[kind] and #data > limits[kind] then error("the payload of a " .. kind .. " frame has at most " .. limits[kind] .. " bytes", 2) end
    frame_set(data)
  end

  function M.set_status(status)
    check(FRAME)
    if type(status) ~= "number" then error("status must be a number", 2) end
    local _, kind = frame()
    if kind ~= "close" then error("cannot set the status of a " .. kind .. " frame: only close frames have one", 2) end
    check_status("status", status)
    frame_status(status)
  end

  function M.drop_frame()
    check(FRAME)
    local _, kind = frame()
    if kind == "close" then error("a close frame cannot be dropped", 2) end
    frame_drop()
    exit()
  end

  function M.close(status, message, far_status, far_payload)
    check(FRAME)
    check_status("status", status)
    check_payload("message", message)
    check_status(other_status, far_status)
    check_payload(other_payload, far_payload)
    local _, err = ask_close(name, status, message, far_status, far_payload)
    if err then error(err, 2) end
    exit()
  end

  function M.set_max_payload_size(size)
    check(LIMIT)
    if type(size) ~= "number" or size ~= floor(size) or size < 0 or size > MAX_SIZE then
      error("size must be an integer between 0 and " .. MAX_SIZE, 2)
    end
    local _, err = ask_limit(name, size)
    if err then error(err, 2) end
  end

  return M
end

return {
  client = side("client", "ws_client_frame", "upstream"),
  upstream = side("upstream", "ws_upstream_frame", "client"),
}
