-- prometheus: counters, gauges and histograms in a shared dictionary, and their text format.
local concat, tostring, type, ipairs, error, setmetatable = table.concat, tostring, type, ipairs, error, setmetatable
local format, gsub, match = string.format, string.gsub, string.match

local Prometheus = {}
local mt = { __index = Prometheus }
local BUCKETS = { 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 10 }

local function number(v)
  if v == math.huge then return "+Inf" end
  if v == -math.huge then return "-Inf" end
  if v ~= v then return "Nan" end
  return format("%.16g", v)
end

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

-- init(dict_name, options): options.prefix before every name.
function Prometheus.init(dict_name, options)
  local dict = ngx.shared[dict_name]
  if not dict then error("Dictionary '" .. tostring(dict_name) .. "' does not seem to exist. Please define the dictionary using `lua_shared_dict`.", 2) end
  options = type(options) == "string" and { prefix = options } or options or {}
  local self = setmetatable({ dict = dict, prefix = options.prefix or "", registry = {}, order = {}, error_metric = options.error_metric_name or "nginx_metric_errors_total" }, mt)
  self:counter(self.error_metric, "Number of nginx-lua-prometheus errors"):inc(0)
  return self
end

function Prometheus:log_error(...)
  ngx.log(ngx.ERR, ...)
  self.dict:incr(self.prefix .. self.error_metric, 1, 0)
end

local metric = {}
local metric_mt = { __index = metric }

-- series(self, values, suffix, extra): the key of one set of label values; nil and an error in the log where it does not fit.
local function series(self, values, suffix, extra)
  local names = self.labels
  values = values or {}
  if #values ~= #names then
    self.parent:log_error(format("%s: inconsistent labels count, expected %d, got %d", self.name, #names, #values))
    return nil
  end
  local out = {}
  for i = 1, #names do out[i] = names[i] .. '="' .. gsub(tostring(values[i]), '[\\"\n]', ESCAPES) .. '"' end
  if extra then out[#out + 1] = extra end
  local name = self.name .. (suffix or "")
  if #out == 0 then return name end
  return name .. "{" .. concat(out, ",") .. "}"
end

local function add(self, key, v)
  if not key then return end
  local _, err = self.parent.dict:incr(key, v, 0)
  if err then self.parent:log_error("failed to count ", key, ": ", err) end
end

function metric:inc(v, values)
  v = v or 1
  if self.kind == "counter" and v < 0 then return self.parent:log_error("Value should not be negative for ", self.name) end
  if self.kind == "histogram" then return self.parent:log_error("inc is not for histograms: ", self.name) end
  add(self, series(self, values), v)
end

function metric:set(v, values)
  if self.kind ~= "gauge" then return self.parent:log_error("set is for gauges: ", self.name) end
  local key = series(self, values)
  if key then self.parent.dict:set(key, v) end
end

function metric:observe(v, values)
  if self.kind ~= "histogram" then return self.parent:log_error("observe is for histograms: ", self.name) end
  local key = series(self, values, "_count")
  if not key then return end
  add(self, key, 1)
  add(self, series(self, values, "_sum"), v)
  for _, b in ipairs(self.buckets) do
    if v <= b then add(self, series(self, values, "_bucket", 'le="' .. number(b) .. '"'), 1) end
  end
  add(self, series(self, values, "_bucket", 'le="+Inf"'), 1)
end

function metric:del(values)
  if self.kind == "histogram" then return self.parent:log_error("del is not for histograms: ", self.name) end
  local key = series(self, values)
  if key then self.parent.dict:delete(key) end
end

-- owns says whether a key is a series of this metric.
local function owns(self, key)
  local name = match(key, "^[^{]*")
  if name == self.name then return true end
  if self.kind ~= "histogram" then return false end
  return name == self.name .. "_bucket" or name == self.name .. "_count" or name == self.name .. "_sum"
end

function metric:reset()
  local dict = self.parent.dict
  for _, key in ipairs(dict:get_keys(0)) do
    if owns(self, key) then dict:delete(key) end
  end
end

local function register(self, kind, name, help, labels, buckets)
  if type(name) ~= "string" or not match(name, "^[%a_:][%w_:]*$") then return self:log_error("Metric name '", tostring(name), "' is invalid") end
  for _, l in ipairs(labels or {}) do
    if not match(l, "^[%a_][%w_]*$") or l == "le" then return self:log_error("Metric '", name, "' label name '", tostring(l), "' is invalid") end
  end
  name = self.prefix .. name
  if self.registry[name] then return self:log_error("Duplicate metric ", name) end
  local m = setmetatable({ parent = self, kind = kind, name = name, help = help, labels = labels or {}, buckets = buckets }, metric_mt)
  self.registry[name] = m
  self.order[#self.order + 1] = m
  return m
end

function Prometheus:counter(name, help, labels) return register(self, "counter", name, help, labels) end
function Prometheus:gauge(name, help, labels) return register(self, "gauge", name, help, labels) end
function Prometheus:histogram(name, help, labels, buckets) return register(self, "histogram", name, help, labels, buckets or BUCKETS) end

-- rank orders the series of a histogram by their buckets' bounds.
local function rank(key)
  return (gsub(key, 'le="([^"]*)"', function(bound) return bound == "+Inf" and "~" or format("%030.6f", tonumber(bound) or 0) end))
end

-- metric_data(): lines of the text format.
function Prometheus:metric_data()
  local out, keys = {}, self.dict:get_keys(0)
  local ranks = {}
  for _, key in ipairs(keys) do ranks[key] = rank(key) end
  table.sort(keys, function(a, b) return ranks[a] < ranks[b] end)
  for _, m in ipairs(self.order) do
    local lines = {}
    for _, key in ipairs(keys) do
      local v = owns(m, key) and self.dict:get(key)
      if v then lines[#lines + 1] = key .. " " .. number(v) .. "\n" end
    end
    if #lines > 0 then
      if m.help then out[#out + 1] = "# HELP " .. m.name .. " " .. m.help .. "\n" end
      out[#out + 1] = "# TYPE " .. m.name .. " " .. m.kind .. "\n"
      for _, l in ipairs(lines) do out[#out + 1] = l end
    end
  end
  return out
end

function Prometheus:collect()
  ngx.header["Content-Type"] = "text/plain; charset=UTF-8"
  ngx.print(self:metric_data())
end

return Prometheus
