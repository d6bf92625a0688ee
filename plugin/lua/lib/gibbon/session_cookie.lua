-- What a session's cookie holds: a header of 82 bytes and, where the data is not kept elsewhere, the encrypted data; and how
-- cookies of that size are spread over several.
--
--   type 1 | flags 2 | id 32 | created 5 | rolling offset 4 | size of the data 3 | tag 16 | idling offset 3 | mac 16
--
-- The tag seals the data and the header up to the rolling offset (AES-256-GCM), the mac seals the whole header, so that the idling
-- offset can be written without the data. Key and iv come from the secret (HKDF) and from what no two saves have alike: the id
-- and twelve random bytes, which stand before the data.
local native = require "gibbon.native"
local cipher = require "resty.openssl.cipher"
local jws = require "gibbon.jws"

local char, byte, sub, floor, concat, ipairs, type = string.char, string.byte, string.sub, math.floor, table.concat, ipairs, type
local to64, from64 = native.encode_base64url, native.decode_base64url

local M = {}

local TYPE = 1
local HEADER, HEADER64 = 82, 110
local CHUNK, CHUNKS = 4000, 9 -- browsers take 4096 bytes per cookie
M.STORED, M.REMEMBER, M.COMPRESSED = 1, 2, 4 -- flags: the data lies in a storage; the cookie outlives the browser; the data is gzip

-- ---- numbers, keys ----

local function pack(n, size)
  local out = {}
  for i = size, 1, -1 do
    out[i] = char(n % 256)
    n = floor(n / 256)
  end
  return concat(out)
end

local function unpack_at(s, at, size)
  local n = 0
  for i = at, at + size - 1 do n = n * 256 + byte(s, i) end
  return n
end

-- derive(secret, info, size): HKDF with SHA-256 (RFC 5869), no salt.
local function derive(secret, info, size)
  local prk = jws.hmac("sha256", ("\0"):rep(32), native.digest("sha256", secret))
  local out, block, i = "", "", 0
  while #out < size do
    i = i + 1
    block = jws.hmac("sha256", prk, block .. info .. char(i))
    out = out .. block
  end
  return sub(out, 1, size)
end

local function keys(secret, head)
  local k = derive(secret, "session encryption:" .. head, 44)
  return sub(k, 1, 32), sub(k, 33)
end

local function mac(secret, id, text) return sub(jws.hmac("sha256", derive(secret, "session authentication:" .. id, 32), text), 1, 16) end

-- ---- the header ----

-- seal(meta, secret, bound, data) gives the header and the data in base64url. meta has flags, id, created, rolling, idling (times); bound
-- is what the session belongs to (its name, what is checked of the client).
function M.seal(meta, secret, bound, data)
  local head = char(TYPE) .. pack(meta.flags, 2) .. meta.id .. pack(meta.created, 5) .. pack(meta.rolling - meta.created, 4)
  local nonce = native.random_bytes(12)
  local key, iv = keys(secret, head .. nonce)
  local c = cipher.new("aes-256-gcm")
  local out, err = c:encrypt(key, iv, data, false, head .. bound)
  if not out then return nil, err end
  local coded = to64(nonce .. out)
  head = head .. pack(#coded, 3) .. c:get_aead_tag(16) .. pack(meta.idling - meta.rolling, 3)
  return to64(head .. mac(secret, meta.id, head .. bound)), coded
end

-- touch(header, secret, bound, idling offset) is the header with another idling offset.
function M.touch(raw, secret, bound, offset)
  local head = sub(raw, 1, 63) .. pack(offset, 3)
  return to64(head .. mac(secret, sub(raw, 4, 35), head .. bound))
end

-- read(text) gives what a header says: flags, id, created, rolling, idling, size, raw; nothing is verified yet.
function M.read(text)
  local raw = #text >= HEADER64 and from64(sub(text, 1, HEADER64))
  if not raw or #raw ~= HEADER then return nil, "invalid session header" end
  if byte(raw) ~= TYPE then return nil, "invalid session type" end
  local created = unpack_at(raw, 36, 5)
  local rolling = created + unpack_at(raw, 41, 4)
  return { flags = unpack_at(raw, 2, 2), id = sub(raw, 4, 35), created = created, rolling = rolling, size = unpack_at(raw, 45, 3),
    idling = rolling + unpack_at(raw, 64, 3), raw = raw, data = sub(text, HEADER64 + 1) }
end

-- authentic(meta, secrets, bound) gives the secret that the header was made with.
function M.authentic(meta, secrets, bound)
  local text = sub(meta.raw, 1, 66) .. bound
  for _, secret in ipairs(secrets) do
    if jws.equal(mac(secret, meta.id, text), sub(meta.raw, 67)) then return secret end
  end
  return nil, "invalid session message authentication code"
end

-- open(meta, secret, bound, coded): the data.
function M.open(meta, secret, bound, coded)
  local data = from64(coded)
  if not data or #data < 12 or #coded ~= meta.size then return nil, "unable to decode session data" end
  local head = sub(meta.raw, 1, 44)
  local key, iv = keys(secret, head .. sub(data, 1, 12))
  local c = cipher.new("aes-256-gcm")
  local text = c:decrypt(key, iv, sub(data, 13), false, head .. bound, sub(meta.raw, 48, 63))
  if not text then return nil, "unable to decrypt session data" end
  return text
end

-- ---- cookies ----

local function name_of(name, i) return i == 1 and name or name .. i end

-- request(name) gives the text that the client's cookies hold, and in how many it lay.
function M.request(name)
  local first = ngx.var["cookie_" .. name]
  if not first or first == "" then return nil end
  local parts = { first }
  if #first >= CHUNK then
    for i = 2, CHUNKS do
      local more = ngx.var["cookie_" .. name_of(name, i)]
      if not more or more == "" then break end
      parts[i] = more
      if #more < CHUNK then break end
    end
  end
  return concat(parts), #parts
end

local function line(name, value, attributes, expired)
  local out = name .. "=" .. value
  if expired then return out .. attributes .. "; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0" end
  return out .. attributes
end

-- set(name, value, attributes, before) puts the cookies into the response, in the place of earlier ones of those names; before is how many
-- the client has. value nil ends them.
function M.set(name, value, attributes, before)
  local put, n = {}, 0
  if value then
    if #value > CHUNK * CHUNKS then return nil, "session data is too large for cookies (" .. #value .. " bytes): use another storage" end
    while n * CHUNK < #value do
      local part = sub(value, n * CHUNK + 1, (n + 1) * CHUNK)
      n = n + 1
      put[name_of(name, n)] = line(name_of(name, n), part, attributes.text .. attributes.life)
    end
  end
  for i = n + 1, before or 0 do put[name_of(name, i)] = line(name_of(name, i), "", attributes.text, true) end
  local had = ngx.header["Set-Cookie"]
  local all = {}
  for _, one in ipairs(type(had) == "table" and had or { had }) do
    local owner = one:match("^([^=]+)=")
    if put[owner] then
      all[#all + 1] = put[owner]
      put[owner] = nil
    else
      all[#all + 1] = one
    end
  end
  for i = 1, CHUNKS do
    local one = put[name_of(name, i)]
    if one then all[#all + 1] = one end
  end
  if #all > 0 then ngx.header["Set-Cookie"] = #all == 1 and all[1] or all end
  return true
end

-- hide(name) takes the cookies of that name out of the request.
function M.hide(name)
  local text = ngx.var.http_cookie
  if not text or text == "" then return true end
  local mine, kept = { [name] = true }, {}
  for i = 2, CHUNKS do mine[name_of(name, i)] = true end
  for pair in text:gmatch("[^;]+") do
    local key = pair:match("^%s*([^=]*)")
    if not mine[key] then kept[#kept + 1] = pair:match("^%s*(.-)%s*$") end
  end
  if #kept == 0 then ngx.req.clear_header("Cookie") else ngx.req.set_header("Cookie", concat(kept, "; ")) end
  return true
end

return M
