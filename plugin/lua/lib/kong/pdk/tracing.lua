-- kong.tracing while tracing is off: spans can be started, filled and finished, and nothing is recorded.
local function nothing() end

local span_methods = { is_recording = false }
for _, name in ipairs { "set_attribute", "add_event", "record_error", "set_status", "finish", "each_span", "add_span_link", "link_span" } do
  span_methods[name] = nothing
end
local noop_span = setmetatable({}, { __index = span_methods, __newindex = nothing })

local M = { name = "noop", sampling_rate = 0 }
for _, name in ipairs { "active_span", "set_active_span", "process_span", "get_spans", "get_root_span", "init_spans", "link_span", "set_should_sample" } do
  M[name] = nothing
end

function M.start_span() return noop_span end
M.create_span = M.start_span
function M.get_sampling_decision() return false end
function M.new() return M end

return setmetatable(M, { __call = function() return M end, __newindex = nothing })
