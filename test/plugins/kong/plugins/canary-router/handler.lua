local Canary = { PRIORITY = 13, VERSION = "0.9.0" }

local function bucket(text) return ngx.crc32_short(text) % 100 end

function Canary:access(conf)
  local header = conf.header and kong.request.get_header(conf.header)
  local chosen
  if header == "always" then chosen = true
  elseif header == "never" then chosen = false
  else
    local cookie = ngx.var["cookie_" .. conf.cookie]
    if cookie then chosen = cookie == "canary"
    else
      chosen = bucket(kong.client.get_ip() .. (kong.request.get_header("user-agent") or "")) < conf.percentage
      kong.ctx.plugin.cookie = chosen and "canary" or "stable"
    end
  end
  if not chosen then return end
  if conf.upstream then
    local ok, err = kong.service.set_upstream(conf.upstream)
    if not ok then
      kong.log.err(err)
      return kong.response.exit(500, { message = err })
    end
  else
    kong.service.set_target(conf.host, conf.port)
  end
  kong.service.request.set_header("X-Canary", "1")
  kong.ctx.plugin.canary = true
end

function Canary:header_filter(conf)
  if kong.ctx.plugin.cookie then
    ngx.header["Set-Cookie"] = conf.cookie .. "=" .. kong.ctx.plugin.cookie .. "; Path=/"
  end
  kong.response.set_header("X-Served-By", kong.ctx.plugin.canary and "canary" or "stable")
end

return Canary
