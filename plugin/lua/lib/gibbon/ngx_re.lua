-- ngx.re: match, find and replacement by a template are C (luajit/api_re.c); what calls back into Lua is here, so that the
-- callbacks may suspend.
local native = require "gibbon.native"
local step, sub, gsub_text = native.re_step, native.re_sub, native.re_gsub
local concat, type, tostring, error = table.concat, type, tostring, error

-- after_empty is the offset behind an empty match at byte offset i: one character further.
local function after_empty(s, i)
  i = i + 1
  while i < #s do
    local b = s:byte(i + 1)
    if b < 0x80 or b >= 0xC0 then break end
    i = i + 1
  end
  return i
end

local function gmatch(s, pattern, options)
  s = tostring(s)
  local _, _, _, err = step(s, pattern, options, #s + 1) -- compiles; nothing is behind the end
  if err then return nil, err end
  local at = 0
  return function()
    if at > #s then return nil end
    local m, from, to, failed = step(s, pattern, options, at)
    if not m then
      at = #s + 1
      return nil, failed
    end
    at = to > from and to or after_empty(s, to)
    return m
  end
end

local function replace_with(s, pattern, fn, options, all)
  s = tostring(s)
  local out, n, at, copied = {}, 0, 0, 0
  while at <= #s do
    local m, from, to, err = step(s, pattern, options, at)
    if err then return nil, nil, err end
    if not m then break end
    out[#out + 1] = s:sub(copied + 1, from)
    local r = fn(m)
    local t = type(r)
    if t ~= "string" and t ~= "number" then
      error("bad argument #3 to '" .. (all and "gsub" or "sub") .. "' (string or number expected to be returned by the replace function, got " .. t .. ")", 3)
    end
    out[#out + 1] = tostring(r)
    copied, n = to, n + 1
    if not all then break end
    at = to > from and to or after_empty(s, to)
  end
  out[#out + 1] = s:sub(copied + 1)
  return concat(out), n
end

return function(ngx)
  ngx.re = {
    match = native.re_match,
    find = native.re_find,
    gmatch = gmatch,
    sub = function(s, pattern, replacement, options)
      if type(replacement) == "function" then return replace_with(s, pattern, replacement, options, false) end
      return sub(s, pattern, replacement, options)
    end,
    gsub = function(s, pattern, replacement, options)
      if type(replacement) == "function" then return replace_with(s, pattern, replacement, options, true) end
      return gsub_text(s, pattern, replacement, options)
    end,
  }
end
