-- kong.cluster_events: events between the nodes of a cluster. Without a database this node is all there is: nobody else is
-- told, and nobody tells this one.
local M = {}
local channels = {}

function M:broadcast(channel, data)
  if type(channel) ~= "string" then return nil, "channel must be a string" end
  if type(data) ~= "string" then return nil, "data must be a string" end
  return true
end

function M:subscribe(channel, callback)
  if type(channel) ~= "string" then return error("channel must be a string", 2) end
  if type(callback) ~= "function" then return error("callback must be a function", 2) end
  channels[channel] = channels[channel] or {}
  table.insert(channels[channel], callback)
  return true
end

function M:poll() return true end

return M
