-- ngx.semaphore: semaphores of threads of one worker
local native = require "gibbon.native"
local token = require "gibbon.token"

local type, error, setmetatable = type, error, setmetatable
local can_wait, refuse = native.can_wait, native.refuse
local new_token, wait, wake = token.new, token.wait, token.wake

local semaphore = {}
local mt = { __index = semaphore }

local M = { version = "0.1.17" }

function M.new(n)
  n = n or 0
  if type(n) ~= "number" then error("bad argument #1 to 'new' (number expected, got " .. type(n) .. ")", 2) end
  if n < 0 then error("no memory", 2) end
  return setmetatable({ resources = n, first = 1, last = 0 }, mt)
end

local function check(self)
  if type(self) ~= "table" or not self.resources then error("not a semaphore instance", 3) end
end

local function forget(self, id)
  for i = self.first, self.last do
    if self[i] == id then
      for j = i, self.last do self[j] = self[j + 1] end
      self.last = self.last - 1
      return
    end
  end
end

function semaphore:wait(timeout)
  check(self)
  if type(timeout) ~= "number" or timeout < 0 then error("bad argument #1 to 'wait' (non-negative number expected)", 2) end
  if self.resources > 0 and self.last < self.first then
    self.resources = self.resources - 1
    return true, nil
  end
  if timeout == 0 then return false, "timeout" end
  if not can_wait() then refuse() end
  local id = new_token()
  self.last = self.last + 1
  self[self.last] = id
  local ok, err = wait(id, timeout)
  if ok then return true, nil end
  forget(self, id)
  return false, err
end

function semaphore:post(n)
  check(self)
  n = n or 1
  if type(n) ~= "number" or n < 1 then error("bad argument #1 to 'post' (positive number expected)", 2) end
  while n > 0 and self.first <= self.last do
    local id = self[self.first]
    self[self.first] = nil
    self.first = self.first + 1
    if self.first > self.last then self.first, self.last = 1, 0 end
    if wake(id, true) then n = n - 1 end
  end
  self.resources = self.resources + n
  return true
end

function semaphore:count()
  check(self)
  if self.first <= self.last then return self.first - self.last - 1 end
  return self.resources
end

return M
