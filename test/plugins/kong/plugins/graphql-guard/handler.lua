local lpeg = require "lpeg"
local cjson = require "cjson.safe"

local P, R, S, C, Ct, V, Cg = lpeg.P, lpeg.R, lpeg.S, lpeg.C, lpeg.Ct, lpeg.V, lpeg.Cg

local ws = (S " \t\r\n," + P "#" * (1 - S "\r\n") ^ 0) ^ 0
local name = C((R("az", "AZ") + "_") * (R("az", "AZ", "09") + "_") ^ 0) * ws
local text = P '"' * (P "\\" * 1 + (1 - S '"\\')) ^ 0 * P '"'
local args = P "(" * (text + (1 - S '()"')) ^ 0 * P ")" * ws
local directive = P "@" * name * args ^ -1
local grammar = P {
  "Document",
  Document = ws * Ct(V "Definition" ^ 1) * -1,
  Definition = Ct(Cg((P "query" + "mutation" + "subscription") / 1 * ws, "kind") ^ -1 * Cg(name, "name") ^ -1 * args ^ -1 * V "Selection"),
  Selection = P "{" * ws * Cg(Ct(V "Field" ^ 1), "fields") * P "}" * ws,
  Field = Ct((name * P ":" * ws) ^ -1 * Cg(name, "name") * args ^ -1 * directive ^ 0 * V "Selection" ^ -1) + P "..." * ws * (P "on" * ws) ^ -1 * name * Ct(V "Selection") ^ -1,
}

local function depth(node)
  if not node.fields then return 0 end
  local most = 0
  for _, f in ipairs(node.fields) do if type(f) == "table" then most = math.max(most, depth(f)) end end
  return most + 1
end

local Guard = { PRIORITY = 950, VERSION = "0.3.0" }

function Guard:access(conf)
  local query
  if kong.request.get_method() == "GET" then
    query = kong.request.get_query_arg("query")
  else
    local body, err, mime = kong.request.get_body()
    if err or not body then
      return kong.response.exit(400, { errors = { { message = err or "no body" } } })
    end
    query = body.query
    kong.ctx.plugin.mime = mime
  end
  local document = type(query) == "string" and grammar:match(query)
  if not document then
    return kong.response.exit(400, { errors = { { message = "syntax error" } } }, { ["Content-Type"] = "application/graphql-response+json" })
  end
  for _, definition in ipairs(document) do
    if definition.kind == "mutation" and not conf.mutations then
      return kong.response.exit(403, { errors = { { message = "mutations are not allowed" } } })
    end
    local d = depth(definition)
    if d > conf.max_depth then
      return kong.response.exit(400, cjson.encode { errors = { { message = "query depth " .. d .. " exceeds " .. conf.max_depth } } })
    end
    for _, f in ipairs(definition.fields or {}) do
      if type(f) == "table" and (f.name == "__schema" or f.name == "__type") then return kong.response.exit(403, { errors = { { message = "introspection is off" } } }) end
    end
  end
end

return Guard
