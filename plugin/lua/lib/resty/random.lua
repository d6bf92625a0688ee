-- resty.random: random bytes; always strong ones
local native = require "gibbon.native"
return { _VERSION = "0.15", bytes = function(n) return native.random_bytes(n) end }
