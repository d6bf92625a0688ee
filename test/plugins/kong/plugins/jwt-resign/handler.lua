-- Shape: a token is verified and signed anew with the gateway's key: resty.jwt, resty.openssl.pkey, kong.db.keys, kong.cache.
local jwt = require "resty.jwt"
local pkey = require "resty.openssl.pkey"
local cjson = require "cjson.safe"

local plugin = { PRIORITY = 900, VERSION = "0.1.0" }

local function load_key(name)
  local key, err = kong.db.keys:select_by_name(name)
  if err then return nil, err end
  if not key then return nil end
  return { kid = key.kid, private = key.pem and key.pem.private_key }
end

local function private_key(name)
  local key, err = kong.cache:get("jwt-resign:" .. name, nil, load_key, name)
  if err then
    kong.log.err(err)
    return nil
  end
  return key
end

local function exit(status, message)
  return kong.response.exit(status, { message = message })
end

function plugin:access(conf)
  local headers = kong.request.get_headers()
  local token = headers[conf.header] and headers[conf.header]:gsub("^[Bb]earer ", "")
  if not token then return exit(401, "no token") end
  local obj = jwt:load_jwt(token)
  if not obj.valid then return exit(401, "malformed: " .. obj.reason) end
  if not conf.allowed_algorithms[1] or not obj.header.alg then return exit(401, "no algorithm") end
  local allowed
  for _, alg in ipairs(conf.allowed_algorithms) do allowed = allowed or alg == obj.header.alg end
  if not allowed then return exit(401, "algorithm " .. obj.header.alg .. " is not allowed") end
  local verified = jwt:verify_jwt_obj(conf.verify_key, obj)
  if not verified.verified then return exit(401, verified.reason) end

  local key = private_key(conf.signing_key)
  if not key or not key.private then return exit(500, "no key") end
  local claims = obj.payload
  for _, name in ipairs(conf.remove_claims) do claims[name] = nil end
  claims.iss, claims.iat, claims.exp = conf.issuer, ngx.time(), math.min(claims.exp or math.huge, ngx.time() + conf.ttl)
  local ok, signed = pcall(function()
    return jwt:sign(key.private, { header = { typ = "JWT", alg = "RS256", kid = key.kid }, payload = claims })
  end)
  if not ok then return exit(500, type(signed) == "table" and signed.reason or signed) end
  local public = assert(pkey.new(key.private)):tostring("public", "JWK")
  kong.service.request.set_headers({ [conf.header] = "Bearer " .. signed, ["X-JWK-Kty"] = cjson.decode(public).kty, ["X-Original-Sub"] = tostring(claims.sub) })
end

return plugin
