-- Answers made with the low-level API: say, print, flush, eof, send_headers, exit, redirect. What is printed is gathered and
-- goes out when the handler ends.
local native = require "gibbon.native"
local op = require "gibbon.op"

local type, tostring, error, select, concat = type, tostring, error, select, table.concat
local phase, refuse, exit, state, begin = native.phase, native.refuse, native.exit, native.response_state, native.begin_response
local ask_print, ask_exit = op.ask("response.print"), op.ask("response.ngx_exit")

-- Phases that may write a body, and those that may end themselves with ngx.exit.
local WRITES = { [0x10] = true, [0x20] = true, [0x80] = true, [0x10000] = true, [0x4000] = true, [0x10000000] = true }
local EXITS = { [0x2] = true, [0x8] = true, [0x10] = true, [0x20] = true, [0x40] = true, [0x80] = true, [0x200] = true, [0x1000] = true,
  [0x4000] = true, [0x10000] = true, [0x10000000] = true }

local function writing()
  if not WRITES[phase()] then refuse() end
end

local function add(out, v, i)
  local t = type(v)
  if t == "string" or t == "number" then out[#out + 1] = tostring(v)
  elseif t == "nil" or t == "boolean" then out[#out + 1] = tostring(v)
  elseif v == ngx.null then out[#out + 1] = "null"
  elseif t == "table" then
    local n = #v
    for k in pairs(v) do
      if type(k) ~= "number" or k < 1 or k > n then error("bad argument #" .. i .. " to 'print' (non-array table found)", 0) end
    end
    for k = 1, n do add(out, v[k], i) end
  else
    error("bad argument #" .. i .. " to 'print' (string, number, boolean, nil, ngx.null, or array table expected, but got " .. t .. ")", 0)
  end
end

local function output(last, ...)
  writing()
  local out = {}
  for i = 1, select("#", ...) do add(out, (select(i, ...)), i) end
  local _, ended = state()
  if ended then return nil, "seen eof" end
  if last then out[#out + 1] = last end
  begin(false)
  ask_print(concat(out))
  return 1
end

return function(ngx)
  function ngx.print(...) return output(nil, ...) end
  function ngx.say(...) return output("\n", ...) end

  function ngx.flush()
    writing()
    local said = state()
    if not said then return nil, "nothing to flush" end
    native.request().flushed = true
    return 1
  end

  function ngx.send_headers()
    writing()
    begin(false)
    ask_print("")
    return 1
  end

  function ngx.eof()
    writing()
    local _, ended = state()
    if ended then return nil, "seen eof" end
    begin(true)
    ask_print("")
    return 1
  end

  function ngx.exit(code)
    local p = phase()
    if not EXITS[p] then refuse() end
    if type(code) ~= "number" then error("bad argument #1 to 'exit' (number expected, got " .. type(code) .. ")", 2) end
    if (state and p ~= 0x1000 and p ~= 0x2 and p ~= 0x8) then
      ask_exit(code)
      if p == 0x200 then return end
    end
    exit()
  end

  local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

  function ngx.redirect(uri, status)
    writing()
    if type(uri) ~= "string" then error("bad argument #1 to 'redirect' (string expected, got " .. type(uri) .. ")", 2) end
    status = status or 302
    if not redirects[status] then
      error("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, ngx.HTTP_SEE_OTHER, and"
        .. " ngx.HTTP_TEMPORARY_REDIRECT are allowed", 2)
    end
    if state() then error("attempt to call ngx.redirect after sending out the headers", 2) end
    ngx.header["Location"] = nil
    native.resp_add_header("Location", uri)
    ask_exit(status)
    exit()
  end

  function ngx.exec()
    writing()
    error("internal redirects are not supported by this gateway", 2)
  end
end
