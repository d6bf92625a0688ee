-- The bundled plugins pre-function and post-function: code of the configuration in each phase. A snippet that returns a
-- function is run once, and that function from then on, so that it may keep state.
local sandbox = require "kong.tools.sandbox"

local M = {}
local phases = { "certificate", "rewrite", "access", "header_filter", "body_filter", "log" }

function M.handler(priority)
  local compiled = setmetatable({}, { __mode = "k" }) -- by configuration, then by phase
  local P = { VERSION = "3.9.3", PRIORITY = priority }

  local function functions(conf, phase)
    local of = compiled[conf]
    if not of then
      of = {}
      compiled[conf] = of
    end
    local list = of[phase]
    if not list then
      list = {}
      for i, code in ipairs(conf[phase] or {}) do list[i] = { run = sandbox.sandbox(code) } end
      of[phase] = list
    end
    return list
  end

  for _, phase in ipairs(phases) do
    P[phase] = function(_, conf)
      local list = functions(conf, phase)
      for i = 1, #list do
        local f = list[i]
        local result = f.run()
        if not f.settled then
          f.settled = true
          if type(result) == "function" then
            f.run = result
            result()
          end
        end
      end
    end
  end
  return P
end

function M.schema(name)
  local function check(code)
    local ok, err = sandbox.validate(code)
    if not ok then return false, "error parsing " .. name .. ": " .. err end
    return true
  end
  local typedefs = require "kong.db.schema.typedefs"
  local fields, one_of = {}, {}
  for i, phase in ipairs(phases) do
    fields[i] = { [phase] = { type = "array", required = true, default = {}, elements = { type = "string", required = false, custom_validator = check } } }
    one_of[i] = "config." .. phase
  end
  return {
    name = name,
    fields = { { consumer = typedefs.no_consumer }, { config = { type = "record", fields = fields } } },
    entity_checks = { { at_least_one_of = one_of } },
  }
end

return M
