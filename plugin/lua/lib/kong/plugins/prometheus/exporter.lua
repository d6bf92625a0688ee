-- kong.plugins.prometheus.exporter: the registry that plugins put metrics of their own in, kept in the shared dictionary
-- prometheus_metrics. This gateway has no plugin prometheus yet, so its own metrics are not among them, and a plugin that wants
-- them read prints them by collect() or metric_data().
local M = {}
local registry

-- init(): makes the registry of this VM, once.
function M.init()
  registry = registry or require("prometheus").init("prometheus_metrics", "kong_")
end

M.init_worker, M.configure = M.init, M.init

-- get_prometheus(): the registry.
function M.get_prometheus()
  M.init()
  return registry
end

-- metric_data(write): hands the pieces of the text format to write, or gives them as a list.
function M.metric_data(write)
  local pieces = M.get_prometheus():metric_data()
  if not write then return pieces end
  for _, piece in ipairs(pieces) do write(piece) end
end

-- collect(): answers the request with the text format.
function M.collect() return M.get_prometheus():collect() end

-- log(message): the gateway's own metrics are not kept here.
function M.log() end

return M
