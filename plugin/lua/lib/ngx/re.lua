-- ngx.re as a module: split and options
local M = {}

function M.opt() end

function M.split(subject, pattern, options, ctx, max, res)
  subject = tostring(subject)
  res = res or {}
  max = max and max > 0 and max or math.huge
  local from = ctx and ctx.pos or 1
  local at, n, copied = { pos = from }, 0, from
  if pattern == "" then
    local i = from
    while i <= #subject and n + 1 < max do
      n = n + 1
      res[n] = subject:sub(i, i)
      i = i + 1
    end
    if i <= #subject then
      n = n + 1
      res[n] = subject:sub(i)
    end
    return res
  end
  while n + 1 < max do
    local m, err = ngx.re.match(subject, pattern, options or "", at)
    if err then return nil, err end
    if not m then break end
    local len = #m[0]
    if len == 0 then
      if at.pos > #subject then break end
      at.pos = at.pos + 1
    else
      local start = at.pos - len
      n = n + 1
      res[n] = subject:sub(copied, start - 1)
      for i = 1, #m do
        if m[i] then
          n = n + 1
          res[n] = m[i]
        end
      end
      copied = at.pos
    end
  end
  n = n + 1
  res[n] = subject:sub(copied)
  return res
end

return M
