local cjson = require "cjson.safe"
local concat = table.concat

local BodyRewriter = { PRIORITY = 800, VERSION = "1.0.0" }

function BodyRewriter:access(conf)
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if not body then
    local file = ngx.req.get_body_file()
    if file then
      local handle = io.open(file, "rb")
      body = handle:read("*a")
      handle:close()
    end
  end
  if not body or body == "" then return end
  local decoded = cjson.decode(body)
  if not decoded then
    kong.service.request.set_raw_body((body:gsub(conf.find or "secret", "******")))
    return
  end
  for _, name in ipairs(conf.remove) do decoded[name] = nil end
  for _, pair in ipairs(conf.add) do
    local name, value = pair:match("^([^:]+):*(.-)$")
    if decoded[name] == nil then decoded[name] = value end
  end
  local text = cjson.encode(decoded)
  ngx.req.set_body_data(text)
  ngx.req.set_header("Content-Length", #text)
  ngx.req.set_header("X-Body-Rewritten", "yes")
end

function BodyRewriter:header_filter(conf)
  if not conf.response then return end
  local ct = ngx.header["Content-Type"] or ""
  ngx.ctx.rewrite_response = ct:find("json", 1, true) ~= nil
  if ngx.ctx.rewrite_response then
    ngx.header["Content-Length"] = nil
    kong.response.clear_header("ETag")
  end
end

function BodyRewriter:body_filter(conf)
  if not ngx.ctx.rewrite_response then return end
  local ctx = ngx.ctx
  local chunk, eof = ngx.arg[1], ngx.arg[2]
  ctx.rt_body_chunks = ctx.rt_body_chunks or {}
  ctx.rt_body_chunk_number = ctx.rt_body_chunk_number or 1
  if eof then
    ctx.rt_body_chunks[ctx.rt_body_chunk_number] = chunk
    local whole = cjson.decode(concat(ctx.rt_body_chunks))
    if whole then
      whole.rewritten = ngx.get_phase()
      ngx.arg[1] = cjson.encode(whole)
    end
  else
    ctx.rt_body_chunks[ctx.rt_body_chunk_number] = chunk
    ctx.rt_body_chunk_number = ctx.rt_body_chunk_number + 1
    ngx.arg[1] = nil
  end
end

return BodyRewriter
