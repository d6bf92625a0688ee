-- resty.easy-crypto: a text under a password. What encrypt gives is base64 of salt, nonce, tag and the text under AES-256-GCM with a key
-- of PBKDF2-SHA256; decrypt takes it.
local cipher = require "resty.openssl.cipher"
local kdf = require "resty.openssl.kdf"
local rand = require "resty.openssl.rand"

local M = {}
local mt = { __index = M }
local TAG = 16

-- new(options): saltSize and ivSize in bytes, iterationCount.
function M.new(_, options)
  local o = options or {}
  local self = { salt = o.saltSize or 12, iv = o.ivSize or 12, rounds = o.iterationCount or 10000 }
  for _, v in pairs(self) do
    if type(v) ~= "number" or v < 1 then error("saltSize, ivSize and iterationCount must be positive numbers", 2) end
  end
  return setmetatable(self, mt)
end

local function key_of(self, password, salt)
  return kdf.derive { type = kdf.PBKDF2, outlen = 32, pass = password, salt = salt, md = "sha256", pbkdf2_iter = self.rounds }
end

function M:encrypt(password, text)
  local salt, iv = rand.bytes(self.salt), rand.bytes(self.iv)
  local key, err = key_of(self, password, salt)
  if not key then return nil, err end
  local c = cipher.new("aes-256-gcm")
  local data
  data, err = c:encrypt(key, iv, text)
  if not data then return nil, err end
  return ngx.encode_base64(salt .. iv .. c:get_aead_tag(TAG) .. data)
end

-- decrypt gives nil and a text for what was not encrypted under this password.
function M:decrypt(password, text)
  local all = ngx.decode_base64(text)
  local head = self.salt + self.iv
  if not all or #all < head + TAG then return nil, "malformed data" end
  local key, err = key_of(self, password, all:sub(1, self.salt))
  if not key then return nil, err end
  return cipher.new("aes-256-gcm"):decrypt(key, all:sub(self.salt + 1, head), all:sub(head + TAG + 1), false, nil, all:sub(head + 1, head + TAG))
end

return M
