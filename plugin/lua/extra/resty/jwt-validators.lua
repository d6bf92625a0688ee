-- resty.jwt-validators: functions that judge claims, to be put together and handed to resty.jwt. A validator is called with
-- (value, claim, json of the token); it returns false or raises an error if the claim is not as it should be.
-- Each NAME has an opt_NAME that accepts a missing claim.
local cjson = require "cjson.safe"

local type, ipairs, error, tostring, select, format = type, ipairs, error, tostring, select, string.format

local M = {}

local leeway, clock = 0, function() return ngx.time() end

-- set_system_leeway(seconds) is how far clocks may be apart; set_system_clock(function) gives the seconds since 1970.
function M.set_system_leeway(seconds)
  if type(seconds) ~= "number" or seconds < 0 then error("leeway is expected to be a non-negative number.", 2) end
  leeway = seconds
end

function M.set_system_clock(fn)
  if type(fn) ~= "function" then error("clock is expected to be a function.", 2) end
  clock = fn
end

function M.get_system_leeway() return leeway end

local function refuse(...) error({ reason = format(...) }, 0) end

-- expect checks an argument of a validator's constructor.
local function expect(kind, name, v)
  if type(v) ~= kind then error(format("Expected argument #1 '%s' to be a %s, got %s", name, kind, type(v)), 3) end
  return v
end

-- optional makes NAME and opt_NAME of make(missing is fine, ...).
local function both(name, make)
  M[name] = function(...) return make(false, ...) end
  M["opt_" .. name] = function(...) return make(true, ...) end
end

local function present(optional, value, claim)
  if value ~= nil then return true end
  if optional then return false end
  refuse("'%s' claim is required.", claim)
end

-- ---- putting together ----

-- chain(...): all of them, in order.
function M.chain(...)
  local list, n = { ... }, select("#", ...)
  for i = 1, n do
    if type(list[i]) ~= "function" then error("Expected argument #" .. i .. " of chain to be a function", 2) end
  end
  return function(value, claim, json)
    for i = 1, n do
      if list[i](value, claim, json) == false then return false end
    end
    return true
  end
end

-- required(next): the claim is there, and next (if any) accepts it.
function M.required(chain)
  if chain ~= nil then expect("function", "chain_function", chain) end
  return function(value, claim, json)
    present(false, value, claim)
    if chain then return chain(value, claim, json) end
    return true
  end
end

-- require_one_of(claims): at least one of them; used for the claim "__jwt".
function M.require_one_of(claims)
  expect("table", "claim_keys", claims)
  if #claims == 0 then error("Expected argument #1 'claim_keys' to be a non-empty list", 2) end
  return function(_, _, json)
    local token = type(json) == "table" and json or cjson.decode(json) or {}
    local payload = token.payload or token
    for _, name in ipairs(claims) do
      if payload[name] ~= nil then return true end
    end
    refuse("Missing one of claims - [ %s ].", table.concat(claims, ", "))
  end
end

-- check(expected, function(value, expected), name of the check, type of the claim)
both("check", function(optional, wanted, fn, name, kind)
  expect("function", "check_function", fn)
  return function(value, claim)
    if not present(optional, value, claim) then return true end
    if kind and type(value) ~= kind then refuse("'%s' is malformed.  Expected to be a %s.", claim, kind) end
    return not not fn(value, wanted)
  end
end)

-- ---- values ----

local function compare(name, kind, fn)
  both(name, function(optional, wanted)
    if wanted == nil then error("Expected argument #1 of " .. name .. " to be a value, got nil", 0) end
    return function(value, claim)
      if not present(optional, value, claim) then return true end
      if kind and type(value) ~= kind then refuse("'%s' is malformed.  Expected to be a %s.", claim, kind) end
      return fn(value, wanted)
    end
  end)
end

compare("equals", nil, function(v, wanted) return v == wanted end)
compare("matches", "string", function(v, pattern) return v:find(pattern) ~= nil end)
compare("greater_than", "number", function(v, wanted) return v > wanted end)
compare("greater_than_or_equal", "number", function(v, wanted) return v >= wanted end)
compare("less_than", "number", function(v, wanted) return v < wanted end)
compare("less_than_or_equal", "number", function(v, wanted) return v <= wanted end)

local function equal(a, b) return a == b end
local function match(v, pattern) return type(v) == "string" and v:find(pattern) ~= nil end

local function any(list, v, fn)
  for _, wanted in ipairs(list) do
    if fn(v, wanted) then return true end
  end
  return false
end

local function any_of(name, default, deep)
  both(name, function(optional, list, fn)
    expect("table", "check_values", list)
    if deep and type(fn) ~= "function" then fn = equal end
    fn = default or expect("function", "check_function", fn)
    return function(value, claim)
      if not present(optional, value, claim) then return true end
      if not deep then return any(list, value, fn) end
      if type(value) ~= "table" then refuse("'%s' is malformed.  Expected to be a table.", claim) end
      for _, one in ipairs(value) do
        if any(list, one, fn) then return true end
      end
      return false
    end
  end)
end

any_of("any_of", nil)
any_of("equals_any_of", equal)
any_of("matches_any_of", match)
any_of("contains_any_of", nil, true)
any_of("contains_any_of_equals", equal, true)
any_of("contains_any_of_matches", match, true)

-- ---- times ----

local function text(t) return ngx.http_time and ngx.http_time(t) or tostring(t) end

local function time(name, accepts, words)
  both(name, function(optional)
    return function(value, claim)
      if not present(optional, value, claim) then return true end
      if type(value) ~= "number" or value < 0 then
        refuse("'%s' is malformed.  Expected to be a positive numeric value.", claim)
      end
      if not accepts(value, clock()) then refuse("'%s' claim %s %s", claim, words, text(value)) end
      return true
    end
  end)
end

time("is_not_before", function(v, now) return v <= now + leeway end, "not valid until")
time("is_not_expired", function(v, now) return v + leeway > now end, "expired at")
time("is_at", function(v, now) return v <= now + leeway and v >= now - leeway end, "is only valid at")

return M
