-- Runs code of a configuration for plugins that are not Lua (see eval.go): a handler with one function for all phases.
local native = require "gibbon.native"
local sandbox = require "kong.tools.sandbox"
local take, give = native.op "eval.take", native.op "eval.give"

local MAX = 1000 -- compiled pieces of code
local compiled, count = {}, 0

local function compile(code)
  local c = compiled[code]
  if not c then
    local f, err = sandbox.load(code)
    if not f then error(err, 0) end
    c = { run = f, globals = getfenv(f) }
    if count >= MAX then compiled, count = {}, 0 end
    compiled[code], count = c, count + 1
  end
  return c
end

local function run()
  local code, env = native.ask(take)
  local c = compile(code)
  if env then setfenv(c.run, setmetatable(env, { __index = c.globals })) end
  native.ask(give, (c.run()))
  if env then setfenv(c.run, c.globals) end
end

local handler = {}
for _, phase in ipairs { "certificate", "rewrite", "access", "response", "header_filter", "log", "preread", "ws_handshake", "ws_client_frame",
  "ws_upstream_frame", "ws_close" } do
  handler[phase] = run
end
return handler
