-- kong.observability.otlp: spans and log lines as requests of OpenTelemetry's collectors (OTLP 1, protocol buffers).
local types = require "gibbon.protobuf.types"
local codec = require "gibbon.protobuf.codec"
local parse = require "gibbon.protobuf.parse"
local type, tostring, pairs, floor, sort = type, tostring, pairs, math.floor, table.sort

local M = {}

-- What of opentelemetry/proto a gateway says.
local SOURCE = [[syntax = "proto3"; package otlp;
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message Scope { string name = 1; string version = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
  message Status { string message = 2; int32 code = 3; }
  message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7;
    fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; repeated Event events = 11; Status status = 15; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Traces { repeated ResourceSpans resource_spans = 1; }
  message LogRecord { fixed64 time_unix_nano = 1; int32 severity_number = 2; string severity_text = 3; AnyValue body = 5; repeated KeyValue attributes = 6; fixed32 flags = 8; bytes trace_id = 9;
    bytes span_id = 10; fixed64 observed_time_unix_nano = 11; }
  message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
  message Logs { repeated ResourceLogs resource_logs = 1; }]]

local state
local function encode(name, message)
  if not state then
    state = types.new()
    types.add(state, parse(SOURCE, "otlp.proto"))
  end
  return codec.encode(state, types.find(state, name), message)
end

local attributes

local function any(v, depth)
  local t = type(v)
  if t == "string" then return { string_value = v } end
  if t == "boolean" then return { bool_value = v } end
  if t == "number" then return v == floor(v) and v > -2 ^ 53 and v < 2 ^ 53 and { int_value = v } or { double_value = v } end
  if t == "table" and depth < 8 then
    if v[1] == nil then return { kvlist_value = { values = attributes(v, depth + 1) } } end
    local list = {}
    for i = 1, #v do list[i] = any(v[i], depth + 1) end
    return { array_value = { values = list } }
  end
  return { string_value = tostring(v) }
end

-- attributes(t): a table as a list of KeyValue, by name.
function attributes(t, depth)
  local keys, out = {}, {}
  for k in pairs(t or {}) do keys[#keys + 1] = k end
  sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, #keys do out[i] = { key = tostring(keys[i]), value = any(t[keys[i]], depth or 1) } end
  return out
end

local function resource(attrs)
  local all = { ["service.name"] = "kong" }
  for k, v in pairs(attrs or {}) do all[k] = v end
  return { attributes = attributes(all) }
end

local SCOPE = { name = "kong-internal", version = "0.1.0" }

-- bytes(id): an id as bytes, which may be given as hex.
local function bytes(id)
  if type(id) ~= "string" then return nil end
  if (#id == 32 or #id == 16) and not id:find("%X") then
    return (id:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
  end
  return id
end

-- transform_span(span): a span of kong.tracing as OTLP has it.
function M.transform_span(span)
  local events = {}
  for i, e in ipairs(span.events or {}) do
    events[i] = { name = e.name, time_unix_nano = e.time_ns, attributes = attributes(e.attributes) }
  end
  return { trace_id = bytes(span.trace_id), span_id = bytes(span.span_id), parent_span_id = bytes(span.parent_id), name = span.name, kind = span.kind or 0,
    start_time_unix_nano = span.start_time_ns, end_time_unix_nano = span.end_time_ns, attributes = attributes(span.attributes), events = events,
    status = span.status and { code = type(span.status) == "table" and span.status.code or span.status } or nil }
end

-- encode_traces(spans, resource_attributes): an ExportTraceServiceRequest.
function M.encode_traces(spans, attrs)
  local list = {}
  for i, s in ipairs(spans) do list[i] = M.transform_span(s) end
  return encode("otlp.Traces", { resource_spans = { { resource = resource(attrs), scope_spans = { { scope = SCOPE, spans = list } } } } })
end

-- SEVERITY: number and name by ngx's levels.
local SEVERITY = { [8] = { 5, "DEBUG" }, [7] = { 9, "INFO" }, [6] = { 11, "NOTICE" }, [5] = { 13, "WARN" }, [4] = { 17, "ERR" }, [3] = { 19, "CRIT" }, [2] = { 21, "ALERT" },
  [1] = { 23, "EMERG" }, [0] = { 9, "STDERR" } }

-- encode_logs(lines, resource_attributes): an ExportLogsServiceRequest. A line has time_ns (or time_unix_nano), observed_time_ns, log_level,
-- body, attributes, trace_id, span_id, flags.
function M.encode_logs(lines, attrs)
  local list = {}
  for i, l in ipairs(lines) do
    local s = SEVERITY[l.log_level] or { l.severity_number or 0, l.severity_text or "" }
    local body = l.body
    list[i] = { time_unix_nano = l.time_ns or l.time_unix_nano, observed_time_unix_nano = l.observed_time_ns or l.observed_time_unix_nano, severity_number = s[1], severity_text = s[2],
      body = body ~= nil and (type(body) == "table" and body.string_value and body or any(body, 1)) or nil, attributes = attributes(l.attributes), trace_id = bytes(l.trace_id),
      span_id = bytes(l.span_id), flags = l.flags }
  end
  return encode("otlp.Logs", { resource_logs = { { resource = resource(attrs), scope_logs = { { scope = SCOPE, log_records = list } } } } })
end

return M
