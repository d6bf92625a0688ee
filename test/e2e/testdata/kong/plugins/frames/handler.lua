-- Sees every frame of a WebSocket. Texts that begin with "!" are commands of a test; every other frame is set to what it is.
local P = { VERSION = "1.0.0", PRIORITY = 10 }
local client, upstream = kong.websocket.client, kong.websocket.upstream

for _, name in ipairs { "access", "header_filter", "body_filter", "log" } do
  P[name] = function() kong.log.err("HTTP phase ", name) end
end

function P:rewrite() kong.log.notice("rewrite") end

function P:ws_handshake()
  kong.log.notice("ws_handshake")
  local code = kong.request.get_query_arg("exit")
  if code then return kong.response.exit(tonumber(code), { message = "not you" }, { ["X-Why"] = "told" }) end
  if kong.request.get_query_arg("fail") then error("as told") end
  local size = tonumber(kong.request.get_query_arg("size"))
  if size then client.set_max_payload_size(size) upstream.set_max_payload_size(size) end
  kong.service.request.set_header("X-Added", "1")
  kong.ctx.plugin.frames = 0
end

function P:ws_client_frame(conf, data, kind, status)
  kong.ctx.plugin.frames = kong.ctx.plugin.frames + 1
  if data == "!drop" then return client.drop_frame() end
  if data == "!close" then return client.close(4001, "mine", 4002, "yours") end
  if data == "!error" then error("as told") end
  if data == "!broken" then return client.set_frame_data("\255") end
  if data:sub(1, 6) == "!sleep" then ngx.sleep(0.05) end
  if data == "!upper" then return client.set_frame_data("UPPER") end
  if data == "!size" then client.set_max_payload_size(100) end
  if kind == "close" and status == 4100 then client.set_status(4101) return client.set_frame_data("changed") end
  client.set_frame_data(data)
end

function P:ws_upstream_frame(conf, data, kind, status)
  if data == "!updrop" then return upstream.drop_frame() end
  if data == "!upclose" then return upstream.close(4003, "to upstream", 4004, "to client") end
  if data == "!upsleep" then ngx.sleep(0.05) end
  upstream.set_frame_data(data)
end

function P:ws_close() kong.log.notice("ws_close after ", kong.ctx.plugin.frames, " frames, ", kong.response.get_status()) end

return P
