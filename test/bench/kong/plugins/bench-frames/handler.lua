-- A frame plugin that sees every frame and sets it to what it saw.
local client, upstream = kong.websocket.client, kong.websocket.upstream
local Frames = { PRIORITY = 900, VERSION = "1.0.0" }

function Frames:ws_client_frame(conf, data) client.set_frame_data(data) end
function Frames:ws_upstream_frame(conf, data) upstream.set_frame_data(data) end

return Frames
