-- kong.tools.cjson: JSON whose arrays stay arrays
local cjson = require("cjson.safe").new()
cjson.decode_array_with_array_mt(true)
cjson.encode_sparse_array(nil, nil, 2 ^ 15)

return {
  new = function() return require("cjson.safe").new() end,
  encode = cjson.encode, decode = cjson.decode, decode_with_array_mt = cjson.decode,
  array_mt = cjson.array_mt, empty_array = cjson.empty_array, empty_array_mt = cjson.empty_array_mt, null = cjson.null,
}
