-- Types of protocol buffers by their full names (".package.Message"), made of file descriptors.
local sub, match, tonumber, error, ipairs = string.sub, string.match, tonumber, error, ipairs

local M = {}

function M.new() return { all = {} } end

-- find(state, name): by full name, with or without its first dot.
function M.find(state, name)
  return state.all[name] or state.all["." .. name]
end

-- resolve(state, scope, name): a name as it is written inside of scope (".package.Message").
local function resolve(state, scope, name)
  if sub(name, 1, 1) == "." then return state.all[name] end
  while true do
    local t = state.all[scope .. "." .. name]
    if t then return t end
    if scope == "" then return nil end
    scope = match(scope, "^(.*)%.[^.]*$") or ""
  end
end

local function add_enum(state, scope, e)
  local name = scope .. "." .. e.name
  local t = { name = name, basename = e.name, kind = "enum", by_name = {}, by_number = {} }
  for i, v in ipairs(e.value or {}) do
    local n = v.number or 0
    t.by_name[v.name] = n
    if not t.by_number[n] then t.by_number[n] = v.name end
    if i == 1 then t.first = v.name end
  end
  state.all[name] = t
end

local function add_message(state, scope, m, file, later)
  local name = scope .. "." .. m.name
  local t = { name = name, basename = m.name, kind = m.options and m.options.map_entry and "map" or "message", proto3 = file.syntax == "proto3", by_name = {}, by_number = {}, order = {} }
  state.all[name] = t
  for _, n in ipairs(m.nested_type or {}) do add_message(state, name, n, file, later) end
  for _, e in ipairs(m.enum_type or {}) do add_enum(state, name, e) end
  later[#later + 1] = function()
    for _, f in ipairs(m.field or {}) do
      local kind = f.type and match(f.type, "^TYPE_(.*)$"):lower()
      local of
      if f.type_name and f.type_name ~= "" then
        of = resolve(state, name, f.type_name)
        if not of then error("unknown type '" .. f.type_name .. "' of field " .. sub(name, 2) .. "." .. f.name, 0) end
        kind = of.kind == "enum" and "enum" or "message"
        f.type, f.type_name = kind == "enum" and "TYPE_ENUM" or "TYPE_MESSAGE", of.name -- for those who compile
      end
      local repeated = f.label == "LABEL_REPEATED"
      local packable = kind ~= "string" and kind ~= "bytes" and kind ~= "message" and kind ~= "group"
      local packed = t.proto3
      if f.options and f.options.packed ~= nil then packed = f.options.packed end
      local decl = f.oneof_index and m.oneof_decl and m.oneof_decl[f.oneof_index + 1]
      local field = { name = f.name, number = f.number, kind = kind, of = of, repeated = repeated, packed = repeated and packable and packed or false,
        map = repeated and of and of.kind == "map" or nil, required = f.label == "LABEL_REQUIRED", default = f.default_value, oneof = decl and decl.name }
      t.by_name[f.name], t.by_number[f.number] = field, field
      t.order[#t.order + 1] = field
    end
    table.sort(t.order, function(a, b) return a.number < b.number end)
  end
end

-- add(state, file): registers what a FileDescriptorProto declares. Raises an error for a type that is none.
function M.add(state, file)
  local scope = file.package and file.package ~= "" and "." .. file.package or ""
  local later = {}
  for _, e in ipairs(file.enum_type or {}) do add_enum(state, scope, e) end
  for _, m in ipairs(file.message_type or {}) do add_message(state, scope, m, file, later) end
  for _, f in ipairs(later) do f() end
  for _, s in ipairs(file.service or {}) do
    for _, m in ipairs(s.method or {}) do
      for _, side in ipairs { "input_type", "output_type" } do
        local t = m[side] and resolve(state, scope, m[side])
        if t then m[side] = t.name end
      end
    end
  end
end

-- default(field): the value of a field that is not there.
function M.default(f)
  local d, kind = f.default, f.kind
  if kind == "bool" then return d == "true" end
  if kind == "string" or kind == "bytes" then return d or "" end
  if kind == "enum" then return d or f.of.first end
  if kind == "message" then return nil end
  if d == "inf" then return math.huge elseif d == "-inf" then return -math.huge elseif d == "nan" then return 0 / 0 end
  return tonumber(d) or 0
end

return M
