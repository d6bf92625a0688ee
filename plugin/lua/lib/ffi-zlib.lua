-- ffi-zlib: gzip and zlib streams between functions that give and take chunks.
local op = require "gibbon.op"
local inflate, deflate = op.ask("gzip.inflate_any"), op.ask("gzip.deflate_level")

local M = { _VERSION = "0.6" }

local function gather(input, bufsize)
  local parts = {}
  while true do
    local chunk = input(bufsize)
    if chunk == nil or chunk == "" then return table.concat(parts) end
    parts[#parts + 1] = chunk
  end
end

local function give(output, s, bufsize)
  for at = 1, #s, bufsize do
    local ok, err = output(s:sub(at, at + bufsize - 1))
    if ok == false or (ok == nil and err) then return false, "DEFLATE: " .. tostring(err or "Can't write") end
  end
  return true
end

-- inflateGzip(input, output, bufsize): input(bufsize) gives the next chunk, nil at the end; output(chunk) takes one. true; false, text.
function M.inflateGzip(input, output, bufsize)
  bufsize = bufsize or 16384
  local s, err = inflate(gather(input, bufsize))
  if not s then return false, "INFLATE: " .. err end
  return give(output, s, bufsize)
end

-- deflateGzip(input, output, bufsize, options): options.level is 0 to 9.
function M.deflateGzip(input, output, bufsize, options)
  bufsize = bufsize or 16384
  return give(output, deflate(gather(input, bufsize), options and options.level or -1), bufsize)
end

function M.version() return "1.2.13" end

return M
