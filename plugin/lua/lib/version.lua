-- version: versions of one to many numbers ("1.2.3"), ranges and sets of them
local M = {}

local function parse(text)
  text = tostring(text)
  local out = {}
  if not text:match("^%d+[%d.]*") then return nil, "Not a valid version element: '" .. text .. "'" end
  for part in text:match("^%s*([%d.]+)"):gmatch("%d+") do out[#out + 1] = tonumber(part) end
  if #out == 0 then return nil, "Not a valid version element: '" .. text .. "'" end
  return out
end

local vmt = {}
vmt.__index = vmt

local function compare(a, b)
  for i = 1, math.max(#a, #b) do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then return x < y and -1 or 1 end
  end
  return 0
end

vmt.__eq = function(a, b) return compare(a, b) == 0 end
vmt.__lt = function(a, b) return compare(a, b) < 0 end
vmt.__le = function(a, b) return compare(a, b) <= 0 end
vmt.__tostring = function(v) return table.concat(v, ".") end

local function version(v)
  if type(v) == "table" and getmetatable(v) == vmt then return v end
  local list, err = parse(v)
  if not list then return nil, err end
  return setmetatable(list, vmt)
end

-- semver(other): may other take this one's place? (same major, at least as new; below 1.0 the same minor)
function vmt:semver(other)
  other = version(other)
  if not other or other < self then return false end
  if (self[1] or 0) == 0 then return other[1] == 0 and (other[2] or 0) == (self[2] or 0) end
  return other[1] == self[1]
end

function vmt:matches(other) return self:semver(other) end

local rmt = {}
rmt.__index = rmt
rmt.__tostring = function(r) return tostring(r.from) .. " to " .. tostring(r.to) end

function rmt:matches(v)
  v = version(v)
  return v ~= nil and self.from <= v and v <= self.to
end

local function range(from, to)
  local a, err = version(from)
  if not a then return nil, err end
  local b
  b, err = version(to or from)
  if not b then return nil, err end
  if b < a then return nil, "FROM version must be less than or equal to the TO version" end
  return setmetatable({ from = a, to = b }, rmt)
end

local smt = {}
smt.__index = smt

function smt:allowed(from, to)
  self.ok[#self.ok + 1] = assert(range(from, to))
  return self
end

function smt:disallowed(from, to)
  self.nok[#self.nok + 1] = assert(range(from, to))
  return self
end

function smt:matches(v)
  for _, r in ipairs(self.nok) do if r:matches(v) then return false end end
  for _, r in ipairs(self.ok) do if r:matches(v) then return true end end
  return false
end

M.version, M.range = version, range
function M.set(from, to)
  local s = setmetatable({ ok = {}, nok = {} }, smt)
  if from then s:allowed(from, to) end
  return s
end

return setmetatable(M, { __call = function(_, v) return version(v) end })
