-- kong.tools.timestamp: the beginnings of the current periods, in milliseconds since the epoch
local M = {}

function M.get_utc() return math.floor(ngx.now()) * 1000 end
function M.get_utc_ms() return math.floor(ngx.now() * 1000) end

-- get_timestamps(now): now in milliseconds, by default the time of the call
function M.get_timestamps(now)
  local s = math.floor((now or M.get_utc_ms()) / 1000)
  local t = os.date("!*t", s)
  local day = s - s % 86400
  local function at(year, month) -- midnight of the first of a month, in UTC
    local days = 0
    local function leap(y) return y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0) end
    for y = 1970, year - 1 do days = days + (leap(y) and 366 or 365) end
    local lengths = { 31, leap(year) and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
    for m = 1, month - 1 do days = days + lengths[m] end
    return days * 86400
  end
  return {
    second = s * 1000, minute = (s - s % 60) * 1000, hour = (s - s % 3600) * 1000, day = day * 1000,
    month = at(t.year, t.month) * 1000, year = at(t.year, 1) * 1000,
  }
end

return M
