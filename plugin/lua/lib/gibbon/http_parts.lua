-- Pieces of HTTP/1.1 messages that resty.http reads from and writes to sockets.
local http_headers = require "resty.http_headers"

local type, tostring, tonumber, pairs, ipairs, concat, min = type, tostring, tonumber, pairs, ipairs, table.concat, math.min

local M = {}

local CHUNK = 65536

-- text is a header's value as one string.
function M.text(v)
  if type(v) == "table" then return concat(v, ", ") end
  return v == nil and "" or tostring(v)
end

-- header finds a header in a plain table, whatever its case.
function M.header(headers, name)
  for k, v in pairs(headers or {}) do
    if type(k) == "string" and k:lower() == name then return v end
  end
end

local function put(headers, k, v)
  local had = headers[k]
  if had == nil then headers[k] = v
  elseif type(had) == "table" then had[#had + 1] = v
  else headers[k] = { tostring(had), v } end
end

local function read_headers(sock)
  local headers = http_headers.new()
  while true do
    local line, err = sock:receive("*l")
    if not line then return nil, err end
    if line == "" then return headers end
    local k, v = line:match("^([^:%s]+)%s*:%s*(.-)%s*$")
    if k then put(headers, k, v) end
  end
end
M.read_headers = read_headers

-- read_head reads a status line and headers.
function M.read_head(sock)
  local line, err, list
  if sock.receive_head then -- the gateway's own sockets read it at once
    line, list = sock:receive_head()
    err = not line and list or nil
  else
    line, err = sock:receive("*l")
  end
  if not line then return nil, "failed to receive status line from client: " .. tostring(err) end
  local version, status, reason = line:match("^HTTP/(%d%.%d) (%d%d%d) ?(.*)$")
  if not status then return nil, "couldn't parse HTTP response code from status line" end
  local headers
  if list then
    headers = http_headers.new()
    for i = 1, #list, 2 do put(headers, list[i], list[i + 1]) end
  else
    headers, err = read_headers(sock)
    if not headers then return nil, err end
  end
  return { version = tonumber(version), status = tonumber(status), reason = reason, headers = headers }
end

-- send_body sends a string, an array of strings, or what a function gives until nil; coding "chunked" frames the latter.
function M.send_body(sock, body, coding)
  local t = type(body)
  if t == "function" then
    local chunked = M.text(coding):lower():find("chunked", 1, true)
    repeat
      local chunk, err, partial = body()
      if not chunk and err then return nil, err, partial end
      if chunk and chunk ~= "" then
        local ok
        ok, err = sock:send(chunked and { ("%x\r\n"):format(#chunk), chunk, "\r\n" } or chunk)
        if not ok then return nil, err end
      end
    until chunk == nil
    if chunked then return sock:send("0\r\n\r\n") end
    return true
  end
  if body == nil then return true end
  if t == "table" then
    local all = {}
    for i, v in ipairs(body) do all[i] = tostring(v) end
    body = concat(all)
  end
  if body == "" then return true end
  return sock:send(body)
end

function M.nothing() return nil end

-- sized reads n bytes, in pieces of at most max.
local function sized(sock, n, size)
  local left = n
  return function(max)
    max = tonumber(max) or size or (left > 0 and min(left, CHUNK) or 0)
    if left == 0 then return nil end
    local want = min(max, left)
    local data, err, partial = sock:receive(want)
    if not data then return nil, err, partial end
    left = left - #data
    return data
  end
end

local function to_end(sock, size)
  local over
  return function(max)
    if over then return nil end
    local data, err, partial = sock:receive(tonumber(max) or size or CHUNK)
    if data then return data end
    if err ~= "closed" then return nil, err, partial end
    over = true
    if partial and partial ~= "" then return partial end
  end
end

-- chunked gives chunks; what exceeds max is cut.
local function chunked(sock, size)
  local left, over = 0, false
  return function(max)
    max = tonumber(max) or size
    if over then return nil end
    if left == 0 then
      local line, err = sock:receive("*l")
      if not line then return nil, err end
      left = tonumber(line:match("^%s*(%x+)") or "", 16)
      if not left then
        left = 0
        return nil, "unable to read chunksize"
      end
      if left == 0 then
        over = true
        return nil
      end
    end
    local want = max and min(max, left) or left
    local data, err, partial = sock:receive(want)
    if not data then return nil, err, partial end
    left = left - want
    if left == 0 then
      local _, e = sock:receive(2)
      if e then return nil, e end
    end
    return data
  end, function() return over end
end

-- body_reader is a function that gives the body piece by piece, then nil; the second result tells that its end is the connection's.
function M.body_reader(sock, headers, size)
  local coding = headers["Transfer-Encoding"]
  if coding ~= nil and M.text(coding):lower():find("chunked", 1, true) then
    local trailer = headers["Trailer"]
    local read, over = chunked(sock, size)
    local ended
    return function(max)
      local data, err, partial = read(max)
      if not data and not err and over() and not trailer and not ended then
        ended = true
        local _, e = sock:receive("*l") -- the empty line after the last chunk
        if e then return nil, e end
      end
      return data, err, partial
    end
  end
  local n = tonumber((M.text(headers["Content-Length"]):match("^%s*(%d+)")))
  if n then return sized(sock, n, size) end
  return to_end(sock, size), true
end

-- decoded_reader is for a body that the gateway takes out of its chunks itself.
function M.decoded_reader(sock, size)
  return function(max)
    local data, err = sock:receiveany(tonumber(max) or size or CHUNK)
    if data then return data end
    if err ~= "closed" then return nil, err end
  end
end

function M.read_body(res)
  local reader = res.body_reader
  if not reader then return nil, "no body to be read" end
  local out = {}
  while true do
    local data, err = reader()
    if err then return nil, err, concat(out) end
    if not data then return concat(out) end
    out[#out + 1] = data
  end
end

function M.read_trailers(res)
  local reader = res.trailer_reader
  if not reader then return nil, "no trailers" end
  local trailers, err = reader()
  if not trailers then return nil, err end
  local names = getmetatable(res.headers)
  for k, v in pairs(trailers) do
    if names then res.headers[k] = v end
  end
  return res.headers
end

return M
