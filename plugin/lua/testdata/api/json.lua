-- cjson: numbers, arrays, errors, settings.
local cjson = require "cjson"
local safe = require "cjson.safe"

function P:access()
  is("version", '"2.1.0.14", "cjson"', cjson._VERSION, cjson._NAME)
  is("scalars", [["true", "null", "1", "1.5", "-0", "1e+20", "\x22a\x5c\x22\x5cn\x5cu00010\x22"]], cjson.encode(true), cjson.encode(ngx.null),
    cjson.encode(1), cjson.encode(1.5), cjson.encode(-0.0), cjson.encode(1e20), cjson.encode('a"\n\0010'))
  is("numbers", '"0.1", "0.3", "123456789012", "1e+15"', cjson.encode(0.1), cjson.encode(0.1 + 0.2), cjson.encode(123456789012), cjson.encode(1e15))
  is("slash", [["\x22a/b\x22"]], cjson.encode("a/b"))
  is("empty", '"{}", "[]", "[]", "[]"', cjson.encode({}), cjson.encode(cjson.empty_array), cjson.encode(setmetatable({}, cjson.empty_array_mt)),
    cjson.encode(setmetatable({}, cjson.array_mt)))
  is("array_mt", '"[1,null,3]"', cjson.encode(setmetatable({ 1, nil, 3 }, cjson.array_mt)))
  is("holes", '"[1,null,3]"', cjson.encode({ 1, nil, 3 }))
  is("object", [["{\x22a\x22:{\x22b\x22:[1,2]}}"]], cjson.encode({ a = { b = { 1, 2 } } }))
  is("number key", [["{\x22x\x22:1,\x221\x22:2}"]], (cjson.encode({ x = 1, [1] = 2 }):gsub('{"1":2,"x":1}', '{"x":1,"1":2}')))
  throws("function", "Cannot serialise function: type not supported", cjson.encode, print)
  throws("nested function", "Cannot serialise function: type not supported", cjson.encode, { print })
  throws("table key", "Cannot serialise table: table key must be a number or string", cjson.encode, { [{}] = 1 })
  throws("sparse", "Cannot serialise table: excessively sparse array", cjson.encode, { [1] = 1, [1000] = 2 })
  throws("nan", "Cannot serialise number: must not be NaN or Infinity", cjson.encode, 0 / 0)
  throws("infinity", "Cannot serialise number: must not be NaN or Infinity", cjson.encode, math.huge)
  local deep = {}
  do local at = deep for _ = 1, 1100 do at[1] = {} at = at[1] end end
  throws("deep", 'Cannot serialise, excessive nesting (1001)', cjson.encode, deep)
  is("safe", 'nil, "Cannot serialise function: type not supported"', safe.encode(print))

  is("decode", [[{a={1 2 {b=null}} c="\xc3\xa9"}]], cjson.decode('{"a":[1,2,{"b":null}],"c":"é"}'))
  is("escapes", [["\xc3\xa9\xf0\x9f\x98\x80\x0a"]], cjson.decode([["\u00e9\ud83d\ude00\n"]]))
  is("numbers in", '10, -1.5, inf, 255', cjson.decode("1e1"), cjson.decode("-1.5"), cjson.decode("1e400"), cjson.decode("0xff"))
  throws("trailing", 'Expected the end but found T_ARR_END at character 9', cjson.decode, '{"a":1} ]')
  throws("nothing", "Expected value but found T_END at character 1", cjson.decode, "")
  throws("object", "Expected object key string but found T_OBJ_END at character 8", cjson.decode, '{"a":1,}')
  throws("array", "Expected value but found T_ARR_END at character 4", cjson.decode, "[1,]")
  throws("colon", 'Expected colon but found T_END at character 5', cjson.decode, '{"a"')
  throws("token", "Expected value but found invalid token at character 1", cjson.decode, "nul")
  is("safe", 'nil, "Expected value but found T_END at character 1"', safe.decode(""))
  throws("type", [[bad argument #1 to '?' (expected 1 argument)]], cjson.decode)
  local nested = ("["):rep(1001) .. ("]"):rep(1001)
  throws("deep", 'Found too many nested data structures (1001) at character 1001', cjson.decode, nested)

  local own = cjson.new()
  own.decode_array_with_array_mt(true)
  is("array mt kept", '"[]"', own.encode(own.decode("[]")))
  is("not shared", '"{}"', cjson.encode(cjson.decode("[]")))
  own.encode_sparse_array(true)
  is("sparse", [["{\x221\x22:1,\x221000\x22:2}"]], (own.encode({ [1] = 1, [1000] = 2 }):gsub('{"1000":2,"1":1}', '{"1":1,"1000":2}')))
  own.encode_number_precision(3)
  is("precision", '"3.14"', own.encode(3.14159))
  throws("precision", [[bad argument #1 to '?' (expected integer between 1 and 16)]], own.encode_number_precision, 17)
  own.encode_max_depth(2)
  throws("depth", 'Cannot serialise, excessive nesting (3)', own.encode, { { { 1 } } })
end
