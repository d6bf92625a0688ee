-- A table of at most n values; the one that was not used for longest goes first. Values may have an end in time.
local setmetatable, now = setmetatable, ngx.now

local LRU = {}
LRU.__index = LRU

local function new(n)
  local head = {}
  head.prev, head.next = head, head
  return setmetatable({ n = n, count = 0, at = {}, head = head }, LRU)
end

local function unlink(e) e.prev.next, e.next.prev = e.next, e.prev end

local function first(self, e)
  local head = self.head
  e.prev, e.next = head, head.next
  head.next.prev = e
  head.next = e
end

-- get(key) gives value, nil; or nil, an expired value.
function LRU:get(key)
  local e = self.at[key]
  if not e then return nil end
  unlink(e)
  first(self, e)
  if e.expires and e.expires < now() then return nil, e.value end
  return e.value, nil, e
end

-- set(key, value, ttl): ttl nil or 0 = for good.
function LRU:set(key, value, ttl)
  local e = self.at[key]
  if e then
    unlink(e)
  else
    if self.count >= self.n then
      local last = self.head.prev
      unlink(last)
      self.at[last.key] = nil
      self.count = self.count - 1
    end
    e = { key = key }
    self.at[key] = e
    self.count = self.count + 1
  end
  e.value = value
  e.expires = ttl and ttl > 0 and now() + ttl or nil
  first(self, e)
  return e
end

function LRU:delete(key)
  local e = self.at[key]
  if not e then return end
  unlink(e)
  self.at[key] = nil
  self.count = self.count - 1
end

function LRU:flush_all()
  self.at, self.count = {}, 0
  self.head.prev, self.head.next = self.head, self.head
end

return { new = new }
