-- JSON Web Keys to DER and back: keys are built as the structures that libcrypto reads.
local M = {}
local concat, floor = table.concat, math.floor

local der = require("gibbon.der").write
local function sequence(...) return der(0x30, concat { ... }) end
local function bits(s) return der(0x03, "\0" .. s) end
local function octets(s) return der(0x04, s) end

local function integer(s)
  s = s:gsub("^%z+", "")
  if s == "" then s = "\0" end
  if s:byte() >= 0x80 then s = "\0" .. s end
  return der(0x02, s)
end

local RSA = "\6\9\42\134\72\134\247\13\1\1\1"
local EC = "\6\7\42\134\72\206\61\2\1"
local CURVES = { ["P-256"] = { "\6\8\42\134\72\206\61\3\1\7", 32, "prime256v1" }, ["P-384"] = { "\6\5\43\129\4\0\34", 48, "secp384r1" },
  ["P-521"] = { "\6\5\43\129\4\0\35", 66, "secp521r1" }, secp256k1 = { "\6\5\43\129\4\0\10", 32, "secp256k1" } }
local OKP = { X25519 = "\6\3\43\101\110", X448 = "\6\3\43\101\111", Ed25519 = "\6\3\43\101\112", Ed448 = "\6\3\43\101\113" }

M.CURVES, M.OKP = CURVES, OKP

local function unb64(s) return s and require("ngx.base64").decode_base64url(s) end
function M.b64(s) return require("ngx.base64").encode_base64url(s) end

local function padded(s, n) return ("\0"):rep(n - #s) .. s end

-- to_der(jwk) gives DER and whether it is a private key.
function M.to_der(jwk)
  local kty = jwk.kty
  if kty == "RSA" then
    local n, e = unb64(jwk.n), unb64(jwk.e)
    if not n or not e then return nil, 'at least "n" and "e" parameter is required' end
    if not jwk.d then return sequence(sequence(RSA, "\5\0"), bits(sequence(integer(n), integer(e)))), false end
    local all = { integer "\0" }
    for _, name in ipairs { "n", "e", "d", "p", "q", "dp", "dq", "qi" } do
      local v = unb64(jwk[name])
      if not v then return nil, 'parameter "' .. name .. '" is required in a private key' end
      all[#all + 1] = integer(v)
    end
    return der(0x30, concat(all)), true
  elseif kty == "EC" then
    local curve = CURVES[jwk.crv or ""]
    if not curve then return nil, 'unsupported EC curve "' .. tostring(jwk.crv) .. '"' end
    local x, y, d = unb64(jwk.x), unb64(jwk.y), unb64(jwk.d)
    if not x or not y then return nil, 'parameters "x" and "y" are required' end
    local point = "\4" .. padded(x, curve[2]) .. padded(y, curve[2])
    if d then return sequence(integer "\1", octets(padded(d, curve[2])), der(0xa0, curve[1]), der(0xa1, bits(point))), true end
    return sequence(sequence(EC, curve[1]), bits(point)), false
  elseif kty == "OKP" then
    local oid = OKP[jwk.crv or ""]
    if not oid then return nil, 'unsupported OKP curve "' .. tostring(jwk.crv) .. '"' end
    if jwk.d then return sequence(integer "\0", sequence(oid), octets(octets(unb64(jwk.d)))), true end
    return sequence(sequence(oid), bits(unb64(jwk.x) or "")), false
  end
  return nil, 'not yet supported jwk type "' .. tostring(kty) .. '"'
end

-- The members that name a key in its thumbprint, in the order that they have in it (RFC 7638, RFC 8037).
local NAMING = { RSA = { "e", "kty", "n" }, EC = { "crv", "kty", "x", "y" }, OKP = { "crv", "kty", "x" } }

-- thumbprint(jwk) is SHA-256 of the public key (RFC 7638), in base64url.
function M.thumbprint(jwk)
  local parts = {}
  for i, name in ipairs(NAMING[jwk.kty]) do parts[i] = ('"%s":"%s"'):format(name, jwk[name]) end
  local sha = require("resty.sha256"):new()
  sha:update("{" .. concat(parts, ",") .. "}")
  return M.b64(sha:final())
end

-- spki(der) is the SubjectPublicKeyInfo of an RSAPublicKey (RFC 8017); pkcs1_pem(pem) goes the other way, in PEM.
function M.spki(rsa) return sequence(sequence(RSA, "\5\0"), bits(rsa)) end

function M.pkcs1_pem(pem)
  local raw = ngx.decode_base64((pem:match("KEY%-%-%-%-%-(.-)%-%-%-%-%-END") or ""):gsub("%s", ""))
  -- the sequence of the algorithm and the head of the bit string go
  local at = raw:find(RSA .. "\5\0", 1, true) + #RSA + 2
  local length = raw:byte(at + 1)
  local rsa = raw:sub(at + 2 + (length >= 128 and length - 128 or 0) + 1)
  local lines = ngx.encode_base64(rsa):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
  return "-----BEGIN RSA PUBLIC KEY-----\n" .. lines .. "\n-----END RSA PUBLIC KEY-----\n"
end

-- raw_to_der and der_to_raw turn ECDSA signatures from r || s into DER and back; n is the length of one.
function M.raw_to_der(sig)
  local n = floor(#sig / 2)
  return sequence(integer(sig:sub(1, n)), integer(sig:sub(n + 1)))
end

function M.der_to_raw(sig, n)
  local at = 3
  if sig:byte(2) >= 0x80 then at = 3 + sig:byte(2) - 0x80 end
  local out = {}
  for _ = 1, 2 do
    local len = sig:byte(at + 1)
    out[#out + 1] = padded(sig:sub(at + 2, at + 1 + len):gsub("^%z+", ""), n)
    at = at + 2 + len
  end
  return concat(out)
end

return M
