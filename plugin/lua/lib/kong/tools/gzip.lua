-- kong.tools.gzip: gzip of strings
local op = require "gibbon.op"
local ask_deflate, ask_inflate = op.ask("gzip.deflate"), op.ask("gzip.inflate")
return {
  deflate_gzip = function(s) return ask_deflate(s) end,
  inflate_gzip = function(s) return ask_inflate(s) end,
}
