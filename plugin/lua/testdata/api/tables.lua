-- table.new and its like, kong.table, ngx.null, string.buffer.
function P:access()
  local new, clear, nkeys = require "table.new", require "table.clear", require "table.nkeys"
  local isarray, isempty, clone = require "table.isarray", require "table.isempty", require "table.clone"
  local t = new(4, 4)
  t[1], t.a = 1, 2
  is("nkeys", "2, 0", nkeys(t), nkeys({}))
  clear(t)
  is("clear", "true, false", isempty(t), isempty({ 1 }))
  is("isarray", "true, false, true", isarray({ 1, 2 }), isarray({ a = 1 }), isarray({}))
  local c = clone({ 1, b = 2 })
  is("clone", "{1 b=2}", c)
  is("kong.table", "{a=1 b=3}", kong.table.merge({ a = 1, b = 2 }, { b = 3 }))
  is("merge nothing", "{}, {a=1}", kong.table.merge(), kong.table.merge(nil, { a = 1 }))
  is("null", '"userdata", "userdata: NULL"', type(ngx.null), tostring(ngx.null))
  local ok, buffer = pcall(require, "string.buffer")
  if ok then is("string.buffer", '"ab"', buffer.new():put("a", "b"):tostring()) end
end
