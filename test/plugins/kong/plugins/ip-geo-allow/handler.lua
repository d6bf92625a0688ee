local ipmatcher = require "resty.ipmatcher"
local lrucache = require "resty.lrucache"
local kong_ip = require "kong.tools.ip"

local cache = assert(lrucache.new(100))

local IpGeo = { PRIORITY = 990, VERSION = "3.0.0" }

local function matcher(list)
  local key = table.concat(list, ",")
  local m = cache:get(key)
  if not m then
    local err
    m, err = ipmatcher.new(list)
    if not m then error("failed to create a new ipmatcher instance: " .. err, 2) end
    cache:set(key, m, 3600)
  end
  return m
end

function IpGeo:access(conf)
  local ip = conf.use_forwarded and (kong.request.get_header("x-forwarded-for") or ""):match("^[^, ]+") or kong.client.get_forwarded_ip()
  if not ip or not kong_ip.is_valid_ip(ip) then
    return kong.response.exit(400, { message = "no client address" })
  end
  kong.ctx.shared.client_ip = ip
  if conf.deny and #conf.deny > 0 and matcher(conf.deny):match(ip) then
    return kong.response.error(conf.status, conf.message)
  end
  if conf.allow and #conf.allow > 0 and not matcher(conf.allow):match(ip) then
    return kong.response.error(conf.status or 403, conf.message or string.format("IP address not allowed: %s", ip))
  end
  local country = kong.request.get_header(conf.country_header)
  if country and conf.countries and not conf.countries[country] then
    return kong.response.exit(451, { message = "not available in " .. country })
  end
  kong.service.request.set_header("X-Client-Ip", ip)
end

return IpGeo
