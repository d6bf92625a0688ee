-- The options that kong.cache and resty.mlcache take, and what both make of values in a shared dictionary.
local native = require "gibbon.native"

local json = native.json(true)
json.decode_array_with_array_mt(true)
json.encode_number_precision(16)
json.encode_sparse_array(true)

local type, error, pcall, tostring = type, error, pcall, tostring

local M = {}

local function number(opts, name, least, level)
  local v = opts[name]
  if v == nil then return end
  if type(v) ~= "number" then error("opts." .. name .. " must be a number", level + 1) end
  if not (v >= least) then error("opts." .. name .. " must be >= " .. least, level + 1) end
end

-- check(opts, level) raises an error, at level of error's own counting from here, for the first option that is not as documented.
function M.check(opts, level)
  level = level + 1
  if type(opts) ~= "table" then error("opts must be a table", level) end
  number(opts, "ttl", 0, level)
  number(opts, "neg_ttl", 0, level)
  number(opts, "resurrect_ttl", 0, level)
  number(opts, "shm_set_tries", 1, level)
  number(opts, "lru_size", 1, level)
  if opts.l1_serializer ~= nil and type(opts.l1_serializer) ~= "function" then error("opts.l1_serializer must be a function", level) end
end

-- encode(value) is the text of a value; nil and why there is none.
function M.encode(value)
  local kind = type(value)
  if kind == "function" or kind == "userdata" and value ~= ngx.null or kind == "thread" or kind == "cdata" then
    return nil, "cannot cache value of type " .. kind
  end
  local ok, text, err = pcall(json.encode, value)
  if not ok then text, err = nil, text end
  if not text then return nil, "cannot cache value of type " .. kind .. ": " .. tostring(err) end
  return text
end

M.decode = json.decode

-- put(dict, key, text, ttl, tries) stores a text, again up to tries times while the dictionary is too full for it (each time it lets
-- go of some of what was not used for longest); false and why not.
function M.put(dict, key, text, ttl, tries)
  local ok, err
  for _ = 1, tries do
    ok, err = dict:set(key, text, ttl)
    if ok or err ~= "no memory" then break end
  end
  return ok, err
end

return M
