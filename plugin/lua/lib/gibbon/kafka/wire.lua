-- Kafka's protocol: requests and responses as bytes. Positions count from 1. What does not fit its response raises MALFORMED.
local crc32c = require("gibbon.op").ask "crypto.crc32c"
local byte, char, sub, floor, concat, error = string.byte, string.char, string.sub, math.floor, table.concat, error

local M = {}

local MALFORMED = { malformed = true }
M.MALFORMED = MALFORMED

function M.int2(n)
  n = n % 65536
  return char(floor(n / 256), n % 256)
end
local int2 = M.int2

function M.int4(n)
  n = n % 4294967296
  return char(floor(n / 16777216), floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
end
local int4 = M.int4

-- int8(n): 64 bits of a number below 2^53.
local function int8(n)
  if n < 0 then return int4(floor(n / 4294967296)) .. int4(n) end
  return int4(floor(n / 4294967296)) .. int4(n % 4294967296)
end

function M.str(s) return s and int2(#s) .. s or int2(-1) end
local str = M.str

-- varint(n): zigzag.
local function varint(n)
  n = n >= 0 and n * 2 or -n * 2 - 1
  local out = ""
  while n >= 128 do
    out = out .. char(n % 128 + 128)
    n = floor(n / 128)
  end
  return out .. char(n)
end

local function need(s, last)
  if last > #s then error(MALFORMED, 0) end
end

function M.get2(s, at)
  need(s, at + 1)
  local a, b = byte(s, at, at + 1)
  local n = a * 256 + b
  return n >= 32768 and n - 65536 or n, at + 2
end

function M.get4(s, at)
  need(s, at + 3)
  local a, b, c, d = byte(s, at, at + 3)
  local n = a * 16777216 + b * 65536 + c * 256 + d
  return n >= 2147483648 and n - 4294967296 or n, at + 4
end
local get2, get4 = M.get2, M.get4

local function get8(s, at)
  local high, low = get4(s, at), get4(s, at + 4)
  return high * 4294967296 + low % 4294967296, at + 8
end

local function get_str(s, at)
  local n
  n, at = get2(s, at)
  if n < 0 then return nil, at end
  need(s, at + n - 1)
  return sub(s, at, at + n - 1), at + n
end

-- list(s, at, f): what f(s, at) gives as often as the count says.
local function list(s, at, f)
  local n
  n, at = get4(s, at)
  if n > #s then error(MALFORMED, 0) end
  local out = {}
  for i = 1, n do out[i], at = f(s, at) end
  return out, at
end

-- request(api, version, id, body): with the size before it.
function M.request(api, version, id, body)
  local s = int2(api) .. int2(version) .. int4(id) .. str("gibbon") .. body
  return int4(#s) .. s
end

M.PRODUCE, M.METADATA, M.SASL_HANDSHAKE, M.SASL_AUTHENTICATE = 0, 3, 17, 36

function M.metadata(topics)
  local out = { int4(#topics) }
  for i = 1, #topics do out[i + 1] = str(topics[i]) end
  return concat(out)
end

-- read_metadata(s, at): brokers by id, topics by name: {error, partitions = {[id] = {error, leader}}, count}.
function M.read_metadata(s, at)
  local brokers, topics = {}, {}
  local _
  _, at = list(s, at, function(b, i)
    local id, host, port
    id, i = get4(b, i)
    host, i = get_str(b, i)
    port, i = get4(b, i)
    _, i = get_str(b, i)
    brokers[id] = { host = host, port = port }
    return id, i
  end)
  at = at + 4 -- the controller
  list(s, at, function(b, i)
    local t = { partitions = {}, count = 0 }
    local name
    t.error, i = get2(b, i)
    name, i = get_str(b, i)
    i = i + 1 -- internal
    _, i = list(b, i, function(c, j)
      local id, p = nil, {}
      p.error, j = get2(c, j)
      id, j = get4(c, j)
      p.leader, j = get4(c, j)
      _, j = list(c, j, get4)
      _, j = list(c, j, get4)
      t.partitions[id] = p
      t.count = t.count + 1
      return id, j
    end)
    if not name then error(MALFORMED, 0) end
    topics[name] = t
    return name, i
  end)
  return brokers, topics
end

-- batch(messages, now): a record batch (version 2) of {key or nil, value} …; now in ms.
function M.batch(messages, now)
  local records, n = {}, #messages
  for i = 1, n do
    local key, value = messages[i][1], messages[i][2]
    local r = "\0\0" .. varint(i - 1) .. (key and varint(#key) .. key or varint(-1)) .. varint(#value) .. value .. "\0"
    records[i] = varint(#r) .. r
  end
  local body = int2(0) .. int4(n - 1) .. int8(now) .. int8(now) .. int8(-1) .. int2(-1) .. int4(-1) .. int4(n) .. concat(records)
  local rest = int4(-1) .. "\2" .. int4(crc32c(body)) .. body
  return int8(0) .. int4(#rest) .. rest
end

-- produce(acks, timeout, topic, partition, batch)
function M.produce(acks, timeout, topic, partition, batch)
  return str(nil) .. int2(acks) .. int4(timeout) .. int4(1) .. str(topic) .. int4(1) .. int4(partition) .. int4(#batch) .. batch
end

-- read_produce(s, at): error and offset of the one partition.
function M.read_produce(s, at)
  local code, offset
  list(s, at, function(b, i)
    local name, _
    name, i = get_str(b, i)
    _, i = list(b, i, function(c, j)
      local id
      id, j = get4(c, j)
      code, j = get2(c, j)
      offset, j = get8(c, j)
      return id, j + 8 -- the time of the log
    end)
    return name, i
  end)
  if not code then error(MALFORMED, 0) end
  return code, offset
end

-- ERRORS by their code: name, and whether another try may help.
M.ERRORS = { [-1] = { "UNKNOWN_SERVER_ERROR" }, [1] = { "OFFSET_OUT_OF_RANGE" }, [2] = { "CORRUPT_MESSAGE", true }, [3] = { "UNKNOWN_TOPIC_OR_PARTITION", true },
  [4] = { "INVALID_FETCH_SIZE" }, [5] = { "LEADER_NOT_AVAILABLE", true }, [6] = { "NOT_LEADER_OR_FOLLOWER", true }, [7] = { "REQUEST_TIMED_OUT", true },
  [8] = { "BROKER_NOT_AVAILABLE" }, [9] = { "REPLICA_NOT_AVAILABLE", true }, [10] = { "MESSAGE_TOO_LARGE" }, [13] = { "NETWORK_EXCEPTION", true },
  [17] = { "INVALID_TOPIC_EXCEPTION" }, [18] = { "RECORD_LIST_TOO_LARGE" }, [19] = { "NOT_ENOUGH_REPLICAS", true }, [20] = { "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true },
  [21] = { "INVALID_REQUIRED_ACKS" }, [29] = { "TOPIC_AUTHORIZATION_FAILED" }, [31] = { "CLUSTER_AUTHORIZATION_FAILED" }, [33] = { "UNSUPPORTED_SASL_MECHANISM" },
  [34] = { "ILLEGAL_SASL_STATE" }, [35] = { "UNSUPPORTED_VERSION" }, [56] = { "KAFKA_STORAGE_ERROR", true }, [58] = { "SASL_AUTHENTICATION_FAILED" }, [87] = { "INVALID_RECORD" } }

return M
