-- resty.upload: a multipart body, read as it arrives.
local M = { _VERSION = "0.11" }
local mt = { __index = M }
local match, find = string.match, string.find

-- new(chunk_size, max_line_size, preserve_body)
function M.new(_, chunk_size, max_line_size, preserve_body)
  local kind = ngx.var.content_type
  local boundary = kind and (match(kind, ';%s*boundary="([^"]+)"') or match(kind, ';%s*boundary=([^",;%s]+)'))
  if not boundary then return nil, "no boundary defined in Content-Type" end
  if preserve_body then return nil, "preserving the body is not supported: read it with ngx.req.read_body" end
  local sock, err = ngx.req.socket()
  if not sock then return nil, err end
  local first = sock:receiveuntil("--" .. boundary)
  local part
  part, err = sock:receiveuntil("\r\n--" .. boundary)
  if not part then return nil, err end
  return setmetatable({ sock = sock, size = chunk_size or 4096, line_size = max_line_size or 512, first = first, part = part, state = "begin",
    line = sock:receiveuntil("\r\n") }, mt)
end

function M:set_timeout(ms) return self.sock:settimeout(ms) end

-- line reads a line of at most line_size bytes.
local function line(self)
  local s, err = self.line(self.line_size)
  if err then return nil, err end
  if not s then return "" end -- the end of the line at once
  local more
  more, err = self.line(1)
  if more then return nil, "line too long: " .. s .. more .. "..." end
  if err then return nil, err end
  return s
end

-- after_boundary decides whether another part follows.
local function after_boundary(self)
  local two, err = self.sock:receive(2)
  if not two then return nil, nil, err end
  if two == "--" then
    self.sock:receive("*a")
    self.state = "eof"
    return "part_end"
  end
  if two ~= "\r\n" then
    local rest
    rest, err = line(self)
    if not rest then return nil, nil, err end
  end
  self.state = "header"
  return "part_end"
end

-- read gives "header" with {name, value, line} or a line; "body" with bytes; "part_end"; "eof". nil, nil, text.
function M:read(size)
  size = size or self.size
  if self.state == "begin" then
    repeat
      local _, err = self.first(size)
      if err then return nil, nil, err end
    until not _
    local kind, _, err = after_boundary(self)
    if not kind then return nil, nil, err end
    if self.state == "eof" then return "eof" end
  end
  if self.state == "header" then
    local s, err = line(self)
    if not s then return nil, nil, err end
    if s == "" then
      self.state = "body"
    else
      local name, value = match(s, "^([^:%s]+):%s*(.*)$")
      if name then return "header", { name, value, s } end
      return "header", s
    end
  end
  if self.state == "body" then
    local data, err = self.part(size)
    if err then return nil, nil, err end
    if data then return "body", data end
    return after_boundary(self)
  end
  return "eof"
end

-- form_name(header): the name of a part, of its Content-Disposition.
function M.form_name(header) return find(header, "form%-data") and match(header, 'name="([^"]*)"') end

return M
