-- Each way in which a handler can go wrong for good, by the request header X-How.
local Runaway = { PRIORITY = 1, VERSION = "1.0.0" }

local function depth(n)
  return 1 + depth(n + 1)
end

local function in_gsub(n)
  return (string.gsub("x", "x", function() return in_gsub(n + 1) .. "y" end))
end

local function in_coroutine(n)
  return coroutine.wrap(function() return in_coroutine(n + 1) end)()
end

local ways = {
  ["loop"] = function()
    while true do end
  end,
  ["loop in pcall"] = function()
    while true do
      pcall(function() while true do end end)
    end
  end,
  ["loop in a coroutine"] = function()
    coroutine.wrap(function() while true do end end)()
  end,
  ["loop in C"] = function()
    while true do
      string.rep("x", 1000):gsub("x", "y")
    end
  end,
  ["allocate"] = function()
    local t = {}
    while true do
      t[#t + 1] = { {}, {}, {} }
    end
  end,
  ["allocate strings"] = function()
    local s = "x"
    while true do
      s = s .. s
    end
  end,
  ["allocate in pcall"] = function()
    local t = {}
    while true do
      pcall(function()
        while true do
          t[#t + 1] = string.rep("x", 1000) .. #t
        end
      end)
    end
  end,
  ["recurse"] = function() return depth(0) end,
  ["recurse in gsub"] = function() return in_gsub(0) end,
  ["recurse in a coroutine"] = function() return in_coroutine(0) end,
  ["error with a table"] = function() error({ code = 1 }) end,
  ["error with nil"] = function() error(nil) end,
  ["error in a metamethod"] = function()
    local t = setmetatable({}, { __index = function() error("no") end })
    return t.x
  end,
  ["error in a coroutine"] = function()
    coroutine.wrap(function() error("inside") end)()
  end,
}

function Runaway:access()
  local way = ways[kong.request.get_header("X-How") or ""]
  if way then
    way()
  end
end

return Runaway
