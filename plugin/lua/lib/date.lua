-- date: dates and spans of time. date(true) is now in UTC, date(false) local; date(seconds), date(text), date(table) and
-- date(year, month, day, hour, min, sec) make others. A date counts microseconds since 0001-01-01.
local floor, type, tonumber, setmetatable = math.floor, type, tonumber, setmetatable

local M = {}
local mt = {}
mt.__index = mt

local DAY = 86400
local NAMES = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }

-- days(y, m, d): days since 1970-01-01 of the Gregorian calendar, months beyond 12 running over
local function days(y, m, d)
  y, m = y + floor((m - 1) / 12), (m - 1) % 12 + 1
  if m <= 2 then y = y - 1 end
  local era = floor(y / 400)
  local yoe = y - era * 400
  local doy = floor((153 * (m + (m > 2 and -3 or 9)) + 2) / 5) + d - 1
  return era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy - 719468
end

local function civil(z)
  z = z + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local m = mp + (mp < 10 and 3 or -9)
  return yoe + era * 400 + (m <= 2 and 1 or 0), m, doy - floor((153 * mp + 2) / 5) + 1
end

local function new(seconds, span) return setmetatable({ seconds = seconds, span = span }, mt) end
local function at(y, mo, d, h, mi, s) return new(days(y, mo or 1, d or 1) * DAY + (h or 0) * 3600 + (mi or 0) * 60 + (s or 0)) end

local function month_of(name)
  for i, m in ipairs(MONTHS) do if m:sub(1, 3):lower() == name:sub(1, 3):lower() then return i end end
end

local function zone(text)
  if not text or text == "" then return 0 end
  text = text:gsub("^%s+", "")
  if text:find("^[Zz]$") or text:find("^[GU][MT][TC]$") then return 0 end
  local sign, h, m = text:match("^([+-])(%d%d):?(%d?%d?)$")
  if not sign then return 0 end
  return (sign == "-" and -1 or 1) * (tonumber(h) * 3600 + (tonumber(m) or 0) * 60)
end

local function parse(s)
  local y, mo, d, rest = s:match("^%s*(%d%d%d%d)[-/](%d%d?)[-/](%d%d?)(.*)$")
  if not y then y, mo, d, rest = s:match("^%s*(%d%d%d%d)(%d%d)(%d%d)(.*)$") end
  if not y then
    local name
    d, name, y, rest = s:match("^%s*%a*,?%s*(%d%d?)[%s-](%a%a%a)%a*[%s-](%d%d%d?%d?)(.*)$")
    if not d then
      name, d, rest, y = s:match("^%s*%a%a%a%s+(%a%a%a)%s+(%d%d?)(%s+%d%d:%d%d:%d%d)%s+(%d%d%d%d)")
    end
    if not d then return nil end
    mo = month_of(name)
    if #y == 2 then y = (tonumber(y) < 70 and 2000 or 1900) + tonumber(y) end
  end
  if not mo then return nil end
  local h, mi, sec, tz = rest:match("^[T%s]*(%d%d):?(%d%d):?(%d?%d?%.?%d*)(.*)$")
  return at(tonumber(y), tonumber(mo), tonumber(d), tonumber(h), tonumber(mi), (tonumber(sec) or 0) - zone(tz))
end

local function bias() -- seconds that local time is ahead of UTC
  local t = os.time()
  return os.difftime(os.time(os.date("*t", t)), os.time(os.date("!*t", t)))
end

local function make(...)
  local v, more = ...
  if more ~= nil then return at(...) end
  local t = type(v)
  if v == nil or v == false then return new(ngx.now() + bias()) end
  if v == true then return new(ngx.now()) end
  if t == "number" then return new(v) end
  if t == "string" then return parse(v) end
  if t == "table" then
    if getmetatable(v) == mt then return new(v.seconds, v.span) end
    return at(v.year or 1970, tonumber(v.month) or (v.month and month_of(v.month)) or 1, v.day, v.hour, v.min, v.sec)
  end
end

-- ---- parts ----

function mt:getdate() return civil(floor(self.seconds / DAY)) end
function mt:gettime()
  local s = self.seconds % DAY
  return floor(s / 3600), floor(s / 60) % 60, floor(s) % 60, floor((s - floor(s)) * 1e6 + 0.5)
end
function mt:getyear() return (self:getdate()) end
function mt:getmonth() return (select(2, self:getdate())) end
function mt:getday() return (select(3, self:getdate())) end
function mt:gethours() return (self:gettime()) end
function mt:getminutes() return (select(2, self:gettime())) end
function mt:getseconds()
  local _, _, s, ticks = self:gettime()
  return s + ticks / 1e6
end
function mt:getticks() return (select(4, self:gettime())) end
function mt:getweekday() return (floor(self.seconds / DAY) + 4) % 7 + 1 end
function mt:getisoweekday() return (self:getweekday() + 5) % 7 + 1 end
function mt:getyearday() return floor(self.seconds / DAY) - days(self:getyear(), 1, 1) + 1 end
function mt:getbias() return -bias() / 60 end

local function change(y, mo, d)
  return function(self, n)
    local year, month, day = self:getdate()
    self.seconds = days(year + y * n, month + mo * n, day + d * n) * DAY + self.seconds % DAY
    return self
  end
end
mt.addyears, mt.addmonths, mt.adddays = change(1, 0, 0), change(0, 1, 0), change(0, 0, 1)

local function add(by)
  return function(self, n)
    self.seconds = self.seconds + by * n
    return self
  end
end
mt.addhours, mt.addminutes, mt.addseconds, mt.addticks = add(3600), add(60), add(1), add(1e-6)

function mt:setyear(y, m, d)
  local _, month, day = self:getdate()
  self.seconds = days(y, m or month, d or day) * DAY + self.seconds % DAY
  return self
end
function mt:setmonth(m, d) return self:setyear(self:getyear(), m, d) end
function mt:setday(d) return self:setyear(self:getyear(), nil, d) end
function mt:sethours(h, m, s)
  local _, mi, sec = self:gettime()
  self.seconds = floor(self.seconds / DAY) * DAY + h * 3600 + (m or mi) * 60 + (s or sec)
  return self
end
function mt:setminutes(m, s) return self:sethours(self:gethours(), m, s) end
function mt:setseconds(s) return self:sethours(self:gethours(), nil, s) end

for name, per in pairs { days = DAY, hours = 3600, minutes = 60, seconds = 1, ticks = 1e-6 } do
  mt["span" .. name] = function(self) return self.seconds / per end
end

function mt:copy() return new(self.seconds, self.span) end
function mt:toutc() return new(self.seconds - bias()) end
function mt:tolocal() return new(self.seconds + bias()) end

-- ---- text ----

local two = "%02d"
local letters = {
  a = function(d) return NAMES[d:getweekday()]:sub(1, 3) end, A = function(d) return NAMES[d:getweekday()] end,
  b = function(d) return MONTHS[d:getmonth()]:sub(1, 3) end, B = function(d) return MONTHS[d:getmonth()] end,
  C = function(d) return two:format(floor(d:getyear() / 100)) end, d = function(d) return two:format(d:getday()) end,
  H = function(d) return two:format(d:gethours()) end, I = function(d) return two:format((d:gethours() + 11) % 12 + 1) end,
  j = function(d) return ("%03d"):format(d:getyearday()) end, m = function(d) return two:format(d:getmonth()) end,
  M = function(d) return two:format(d:getminutes()) end, p = function(d) return d:gethours() < 12 and "AM" or "PM" end,
  S = function(d) return two:format((select(3, d:gettime()))) end, u = function(d) return tostring(d:getisoweekday()) end,
  w = function(d) return tostring(d:getweekday() - 1) end, y = function(d) return two:format(d:getyear() % 100) end,
  Y = function(d) return ("%04d"):format(d:getyear()) end, z = function() return "+0000" end, Z = function() return "UTC" end,
  n = function() return "\n" end, t = function() return "\t" end, ["%"] = function() return "%" end,
  ["\f"] = function(d)
    local _, _, s, ticks = d:gettime()
    return ("%02d.%06d"):format(s, ticks):gsub("%.?0+$", function(z) return z:find(".", 1, true) and "" or "" end)
  end,
}
local groups = {
  c = "%x %X", D = "%m/%d/%y", F = "%Y-%m-%d", r = "%I:%M:%S %p", R = "%H:%M", T = "%H:%M:%S", x = "%m/%d/%y", X = "%H:%M:%S",
  ["${iso}"] = "%Y-%m-%dT%T", ["${http}"] = "%a, %d %b %Y %T GMT", ["${rfc850}"] = "%A, %d-%b-%y %T GMT",
  ["${rfc1123}"] = "%a, %d %b %Y %T GMT", ["${asctime}"] = "%a %b %d %T %Y", ["${rfc822}"] = "%a, %d %b %Y %T +0000",
}

function mt:fmt(format)
  format = format or "%x %X"
  format = format:gsub("%${%w+}", groups)
  for _ = 1, 2 do format = format:gsub("%%([cDFrRTxX])", groups) end
  return (format:gsub("%%(.)", function(c) return letters[c] and letters[c](self) end))
end

mt.__tostring = function(d) return d:fmt("%a %b %d %H:%M:%S %Y") end
mt.__eq = function(a, b) return a.seconds == b.seconds end
mt.__lt = function(a, b) return a.seconds < b.seconds end
mt.__le = function(a, b) return a.seconds <= b.seconds end
mt.__concat = function(a, b) return tostring(a) .. tostring(b) end
mt.__add = function(a, b) return new(make(a).seconds + make(b).seconds) end
mt.__sub = function(a, b) return new(make(a).seconds - make(b).seconds, true) end

function M.diff(a, b)
  a, b = make(a), make(b)
  if not a or not b then return nil end
  return a - b
end

function M.epoch() return new(0) end
function M.isleapyear(v)
  local y = type(v) == "table" and v:getyear() or v
  return y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
end

return setmetatable(M, { __call = function(_, ...) return make(...) end })
