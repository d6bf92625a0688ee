-- How a client shows PostgreSQL its password: md5 and SCRAM-SHA-256 (RFC 5802, RFC 7677), the latter without channel binding.
local bit = require "bit"
local byte, char, concat, bxor = string.byte, string.char, table.concat, bit.bxor

local pbkdf2 = require("gibbon.op").wait("crypto.pbkdf2")

local M = {}

-- md5(user, password, salt): "md5" and the digest of the digest.
function M.md5(user, password, salt) return "md5" .. ngx.md5(ngx.md5(password .. user) .. salt) end

local function hmac(key, s) return require("resty.openssl.hmac").new(key, "sha256"):final(s) end

local function sha256(s)
  local d = require("resty.sha256"):new()
  d:update(s)
  return d:final()
end

-- The most iterations that a server may ask for.
local MAX_ITERATIONS = 1000000

-- begin(nonce, user) is the state of one exchange and the client's first message. nonce is for tests; PostgreSQL takes the user's name
-- from its startup message.
function M.begin(nonce, user)
  nonce = nonce or ngx.encode_base64(require("resty.random").bytes(18))
  local bare = "n=" .. (user or ""):gsub("=", "=3D"):gsub(",", "=2C") .. ",r=" .. nonce
  return { nonce = nonce, bare = bare }, "n,," .. bare
end

-- continue(state, password, challenge): the client's final message; nil, text.
function M.continue(state, password, challenge)
  local nonce, salt, rounds = challenge:match("^r=([^,]+),s=([^,]+),i=(%d+)")
  salt, rounds = salt and ngx.decode_base64(salt), tonumber(rounds)
  if not salt or nonce:sub(1, #state.nonce) ~= state.nonce or nonce == state.nonce then return nil, "malformed SCRAM challenge of the server" end
  if rounds < 1 or rounds > MAX_ITERATIONS then return nil, "the server wants " .. rounds .. " SCRAM iterations, at most " .. MAX_ITERATIONS .. " are done" end
  local salted, err = pbkdf2("sha256", password, salt, rounds, 32)
  if not salted then return nil, err end
  local client = hmac(salted, "Client Key")
  local without = "c=biws,r=" .. nonce
  local all = state.bare .. "," .. challenge .. "," .. without
  local signature, proof = hmac(sha256(client), all), {}
  for i = 1, #client do proof[i] = char(bxor(byte(client, i), byte(signature, i))) end
  state.server = ngx.encode_base64(hmac(hmac(salted, "Server Key"), all))
  return without .. ",p=" .. ngx.encode_base64(concat(proof))
end

-- finish(state, final): does the server know the password, too?
function M.finish(state, final) return state.server ~= nil and final:match("^v=([^,]+)") == state.server end

return M
