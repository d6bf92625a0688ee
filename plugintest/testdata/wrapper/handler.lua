local key_auth = require "kong.plugins.key-auth.handler"
local limiting = require "kong.plugins.rate-limiting.handler"
local transformer = require "kong.plugins.response-transformer.handler"
local correlation = require "kong.plugins.correlation-id.handler"
local W = { PRIORITY = key_auth.PRIORITY + 1, VERSION = key_auth.VERSION }
function W:init_worker() correlation:init_worker() end
function W:access(conf)
  if kong.request.get_path() == "/bad" then kong.log.err("bad: ", select(2, pcall(key_auth.access, key_auth, { key_names = 5 }))) return end
  if kong.request.get_path() == "/phase" then kong.log.err("phase: ", select(2, pcall(transformer.header_filter, transformer, conf))) return end
  if kong.request.get_path() == "/modules" then
    for _, m in ipairs { "key-auth.secret", "jwt.handler", "none.handler" } do
      local ok, err = pcall(require, "kong.plugins." .. m) kong.log.err(m, ": ", ok, " ", (err:match("\n\t(the [^\n]*)")))
    end
    return
  end
  correlation:access({ header_name = "X-Own", generator = "uuid#counter", echo_downstream = true })
  key_auth:access(conf)
  kong.log.err("consumer ", kong.client.get_consumer().username, " key ", tostring(kong.request.get_header("X-Consumer-Username")))
  limiting:access({ hour = conf.hour, policy = "local" })
end
function W:header_filter(conf)
  correlation:header_filter({ header_name = "X-Own", generator = "uuid#counter", echo_downstream = true })
  transformer:header_filter(conf.transform)
end
function W:body_filter(conf) transformer:body_filter(conf.transform) end
return W
