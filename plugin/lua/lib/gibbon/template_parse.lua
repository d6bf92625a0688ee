-- Templates of resty.template as Lua code. A text's line breaks are the code's, so that errors name the template's lines.
local find, sub, byte, format, match, gsub = string.find, string.sub, string.byte, string.format, string.match, string.gsub
local concat = table.concat

local CLOSERS = { ["{"] = "}}", ["*"] = "*}", ["%"] = "%}", ["("] = ")}", ["["] = "]}", ["#"] = "#}" }

-- breaks(s) is s's line breaks alone.
local function breaks(s) return (gsub(s, "[^\n]+", "")) end

local function trim(s) return match(s, "^%s*(.-)%s*$") end

-- included(s) is the code of {(path)} and {(path, context)}.
local function included(s)
  local path, context = match(s, "^([^,]*),(.*)$")
  path = trim(path or s)
  path = match(path, '^"(.*)"$') or match(path, "^'(.*)'$") or path
  return format("include(%q%s)", path, context and ", " .. context or "")
end

-- own_line(s, from, to): where text before and after a tag ends that does not appear: a tag that yields nothing takes its indentation
-- and the line break behind it along.
local function own_line(s, from, to)
  local before, after = from - 1, to + 1
  while before > 0 and (byte(s, before) == 32 or byte(s, before) == 9) do before = before - 1 end
  if before > 0 and byte(s, before) ~= 10 then before = from - 1 end
  local stop = match(s, "^\r?\n()", after)
  if not stop and after <= #s then return from - 1, after end
  return before, stop or after
end

-- block(s, from): name, inner text, end of {-name-} … {-name-}; nil where there is none.
local function block(s, from)
  local name, inner = match(s, "^{%-([%w_%.%-:/]-)%-}()", from)
  if not name or name == "" then return nil end
  local a, b = find(s, "{-" .. name .. "-}", inner, true)
  if not a then return nil end
  return name, inner, a, b
end

-- parse(s): the code of a chunk that gives a function of the context.
return function(s)
  local out, at, scan, n = { "return function(context) local include, echo, blocks, layout, ___ = ___begin(context) " }, 1, 1, 1
  local function put(code)
    n = n + 1
    out[n] = code
  end
  local function text(to)
    if to >= at then put(format("___[#___+1]=%q ", sub(s, at, to))) end
  end

  while true do
    local i = find(s, "{", scan, true)
    if not i then break end
    local kind = sub(s, i + 1, i + 1)
    local closer, stop, finish = CLOSERS[kind], nil, nil
    if closer then
      stop, finish = find(s, closer, i + 2, true)
    elseif kind == "-" then
      local name, inner, a, b = block(s, i)
      if name then stop, finish, closer = a, b, { name, inner } end
    end
    if not stop then
      scan = i + 1
    elseif byte(s, i - 1) == 92 then -- escaped, unless the backslash is
      if byte(s, i - 2) == 92 then
        text(i - 2)
        at, scan = i, i
        -- the tag itself comes with the next round, whose text before it is empty
        s = sub(s, 1, i - 3) .. "  " .. sub(s, i)
      else
        text(i - 2)
        at, scan = i, i + 1
      end
    else
      local inside = sub(s, i + 2, stop - 1)
      if kind == "{" then
        text(i - 1)
        put("___[#___+1]=template.escape(" .. inside .. ") ")
        at = finish + 1
      elseif kind == "*" then
        text(i - 1)
        put("___[#___+1]=template.output(" .. inside .. ") ")
        at = finish + 1
      elseif kind == "(" then
        text(i - 1)
        put("___[#___+1]=" .. included(inside) .. breaks(inside) .. " ")
        at = finish + 1
      elseif kind == "[" then
        text(i - 1)
        put("___[#___+1]=include(" .. inside .. ") ")
        at = finish + 1
      else
        local before, after = own_line(s, i, finish)
        text(before)
        local eaten = breaks(sub(s, finish + 1, after - 1))
        if kind == "%" then
          put(inside .. " " .. eaten)
        elseif kind == "#" then
          put(breaks(inside) .. eaten)
        else
          local name, inner = closer[1], closer[2]
          local first = match(s, "^\r?\n()", inner) or inner -- the line break behind the opening tag is not the block's
          local body = sub(s, first, stop - 1)
          if name == "verbatim" or name == "raw" then
            put(format("___[#___+1]=%q ", body) .. eaten)
          else
            put(breaks(sub(s, inner, first - 1)) .. format("blocks[%q]=include(%q,nil,true) ", name, body) .. eaten)
          end
        end
        at = after
      end
      scan = at
    end
  end
  text(#s)
  put("return ___end(layout, ___, blocks, context, include) end")
  return concat(out)
end
