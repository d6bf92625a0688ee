local re_match = ngx.re.match

local bootstrap_server_regex = [[^([^:]+):(\d{1,5})$]]

local _M = {}

function _M.bootstrap_server(string)
  local m = re_match(string, bootstrap_server_regex, "jo")
  if not m then return nil, "invalid bootstrap server value: " .. string end
  return { host = m[1], port = tonumber(m[2]) }
end

return _M
