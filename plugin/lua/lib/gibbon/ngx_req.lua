-- ngx.req: heads are C (luajit/api_request.c, api_upstream.c); bodies and the odd checks are here.
local native = require "gibbon.native"
local op = require "gibbon.op"
local args = require "gibbon.args"
local arg = require "gibbon.arg"

local read_body, body_data, body_file = op.wait("request.read_body"), op.ask("request.body_data"), op.ask("request.body_file")
local set_body = op.ask("service.request.set_raw_body")

local methods = {
  [2] = "GET", [4] = "HEAD", [8] = "POST", [16] = "PUT", [32] = "DELETE", [64] = "MKCOL", [128] = "COPY", [256] = "MOVE",
  [512] = "OPTIONS", [1024] = "PROPFIND", [2048] = "PROPPATCH", [4096] = "LOCK", [8192] = "UNLOCK", [16384] = "PATCH", [32768] = "TRACE",
}

local NO_BODY = "no request body found; maybe you should turn on lua_need_request_body?"

return function(ngx)
  local req = {
    get_headers = native.req_headers,
    set_header = native.req_set_header,
    clear_header = native.req_clear_header,
    get_method = native.req_method,
    get_uri_args = native.req_uri_args,
    start_time = native.req_start_time,
    http_version = native.req_http_version,
  }
  ngx.req = req

  function req.raw_header(no_request_line)
    if native.req_http_version() >= 2 then error("http2 requests not supported yet", 2) end
    return native.req_raw_header(no_request_line)
  end

  function req.is_internal()
    native.req_method() -- refused where there is no request
    return false
  end

  function req.set_method(id)
    if type(id) ~= "number" then error("bad method number", 2) end
    local name = methods[id]
    if not name then error("unsupported HTTP method: " .. id, 2) end
    native.req_set_method(name)
  end

  function req.set_uri(...)
    local uri, jump, binary = ...
    uri = arg.string(uri, 1, select("#", ...) > 0)
    if uri == "" then error("attempt to use zero-length uri", 2) end
    if jump ~= nil and arg.boolean(jump, 2) then native.refuse() end
    local unsafe = not binary and uri:match("[%z\1-\31\127]")
    if unsafe then
      local shown = uri:gsub('[%z\1-\31"\\\127-\255]', function(c) return ("\\x%02X"):format(c:byte()) end)
      error(('unsafe byte "0x%02x" in uri "%s" (maybe you want to set the \'binary\' argument?)'):format(unsafe:byte(), shown), 2)
    end
    native.req_set_uri(uri)
  end

  function req.set_uri_args(v)
    local t = type(v)
    if t == "table" then v = args.encode(v)
    elseif t ~= "string" and t ~= "number" then
      error("bad argument #1 to 'set_uri_args' (string, number, or table expected, but got " .. t .. ")", 2)
    end
    native.req_set_uri_args(tostring(v))
  end

  -- ---- body ----

  local function no_arguments(n)
    if n > 0 then error("expecting 0 arguments but seen " .. n, 3) end
  end

  function req.read_body(...)
    no_arguments(select("#", ...))
    read_body()
  end

  function req.discard_body() native.req_method() end

  function req.get_body_data(max)
    local data = body_data()
    if data and max and max > 0 then data = data:sub(1, max) end
    return data
  end

  function req.get_body_file() return body_file() end

  function req.get_post_args(max)
    local data, read, in_file = body_data()
    if max ~= nil then max = arg.number(max, 1) end
    if not read then error(NO_BODY, 2) end
    if in_file then return nil, "request body in temp file not supported" end
    local t, truncated = native.decode_args(data or "", max or args.post_limit())
    if not truncated then return t, nil end
    kong.log.notice("post args truncated")
    return t, "truncated"
  end

  function req.set_body_data(...)
    if select("#", ...) ~= 1 then error("expecting 1 arguments but seen " .. select("#", ...), 2) end
    set_body(arg.string((...), 1))
  end

  function req.set_body_file(...)
    local name = arg.string((...), 1, select("#", ...) > 0)
    local f = io.open(name, "rb")
    if not f then error('open() "' .. name .. '" failed', 2) end
    local data = f:read("*a")
    f:close()
    set_body(data)
  end

  function req.init_body(size)
    if size ~= nil then arg.number(size, 1) end
    native.request().new_body = {}
  end

  function req.append_body(...)
    local data = arg.string((...), 1, select("#", ...) > 0)
    local parts = native.request().new_body
    if not parts then error("request body not initialized", 2) end
    parts[#parts + 1] = data
  end

  function req.finish_body()
    local own = native.request()
    if not own.new_body then error("request body not initialized", 2) end
    set_body(table.concat(own.new_body))
    own.new_body = nil
  end
end
