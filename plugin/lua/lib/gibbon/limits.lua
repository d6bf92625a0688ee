-- The settings that bound what header and argument functions read.
local native = require "gibbon.native"
local op = require "gibbon.op"
local args = require "gibbon.args"

local ask = op.ask("configuration.limits")
local ok, limits = pcall(ask)
if ok and type(limits) == "table" then
  native.set_limits(limits)
  if limits.lua_max_post_args then args.set_post_limit(limits.lua_max_post_args) end
end
