-- luatz: points in time as tables of year, month, day, hour, min, sec (UTC), and RFC 3339 text
local date = require "date"
local M = {}

M.time = function() return ngx.now() end
M.gettime = { gettime = M.time, source = "gibbon", resolution = 0.001 }

local tt = {}
tt.__index = tt

local function of(seconds)
  local d = date(seconds)
  local y, m, day = d:getdate()
  local h, mi, s, ticks = d:gettime()
  return setmetatable({ year = y, month = m, day = day, hour = h, min = mi, sec = s + ticks / 1e6, wday = d:getweekday(), yday = d:getyearday() }, tt)
end

function tt:timestamp() return date(self.year, self.month or 1, self.day or 1, self.hour or 0, self.min or 0, self.sec or 0).seconds end

function tt:normalise()
  for k, v in pairs(of(self:timestamp())) do self[k] = v end
  return self
end
tt.normalize = tt.normalise

function tt:clone() return setmetatable({ year = self.year, month = self.month, day = self.day, hour = self.hour, min = self.min, sec = self.sec }, tt) end

function tt:rfc_3339()
  local t = of(self:timestamp())
  return ("%04d-%02d-%02dT%02d:%02d:%06.3f"):format(t.year, t.month, t.day, t.hour, t.min, t.sec)
end

function tt:strftime(format) return date(self:timestamp()):fmt(format) end
function tt:unpack() return self.year, self.month, self.day, self.hour, self.min, self.sec, self.yday, self.wday end

tt.__tostring = tt.rfc_3339
tt.__eq = function(a, b) return a:timestamp() == b:timestamp() end
tt.__lt = function(a, b) return a:timestamp() < b:timestamp() end
tt.__le = function(a, b) return a:timestamp() <= b:timestamp() end
tt.__sub = function(a, b) return a:timestamp() - b:timestamp() end

M.timetable = {
  new = function(y, m, d, h, mi, s) return setmetatable({ year = y, month = m, day = d, hour = h or 0, min = mi or 0, sec = s or 0 }, tt) end,
  new_from_timestamp = of,
  timestamp = function(y, m, d, h, mi, s) return date(y, m or 1, d or 1, h or 0, mi or 0, s or 0).seconds end,
}
M.strftime = { strftime = function(format, t) return date(t:timestamp()):fmt(format) end }

-- parse.rfc_3339(text): a time table and the offset of its zone in seconds
M.parse = {
  rfc_3339 = function(text)
    local y, m, d, h, mi, s, tz = tostring(text):match("^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d%.?%d*)(.*)$")
    if not y then return nil, "Invalid RFC 3339 date" end
    local sign, oh, om = tz:match("^([+-])(%d%d):?(%d%d)$")
    local offset = tz:find("^[Zz]$") and 0 or sign and (sign == "-" and -1 or 1) * (tonumber(oh) * 3600 + tonumber(om) * 60) or nil
    return M.timetable.new(tonumber(y), tonumber(m), tonumber(d), tonumber(h), tonumber(mi), tonumber(s)), offset
  end,
}
M.now = function() return of(ngx.now()) end
M.get_tz = function() return nil, "time zones are not read by this gateway; times are UTC" end
M.time_in = function(_, t) return t or ngx.now() end
return M
