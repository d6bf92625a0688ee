local template = require "pl.template"

local ErrorPages = { PRIORITY = 3, VERSION = "0.2.0" }

local DEFAULT = [[<html><title>$(status)</title><body>$(message) ($(id))</body></html>]]

function ErrorPages:header_filter(conf)
  local status = kong.response.get_status()
  if status < conf.from then return end
  local ctx = kong.ctx.plugin
  ctx.page = assert(template.substitute(conf.template or DEFAULT, { status = status, message = conf.messages[tostring(status)] or "Sorry",
    id = kong.response.get_source(), _parent = _G }))
  kong.response.set_status(conf.map[tostring(status)] or status)
  kong.response.set_headers({ ["Content-Type"] = "text/html; charset=utf-8", ["X-Error-Source"] = kong.response.get_source() })
  kong.response.clear_header("Content-Length")
  kong.response.clear_header("Content-Encoding")
end

function ErrorPages:body_filter(conf)
  local page = kong.ctx.plugin.page
  if not page then return end
  if ngx.arg[2] then
    ngx.arg[1] = page
  else
    ngx.arg[1] = ""
  end
end

return ErrorPages
