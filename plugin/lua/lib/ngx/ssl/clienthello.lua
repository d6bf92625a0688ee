-- ngx.ssl.clienthello: what the client of a handshake offers. Usable in certificate handlers, which run when the whole
-- ClientHello is there; its extensions are written down anew from what was read of them.
local native = require "gibbon.native"
local op = require "gibbon.op"
local is_grease = require("ngx.ssl").is_grease

local ask_hello, ask_extension, ask_name = op.ask("ssl.hello"), op.ask("ssl.hello_extension"), op.ask("ssl.server_name")
local ask_versions = op.ask("ssl.set_versions")
local type, error, ipairs = type, error, ipairs
local phase = native.phase

local HANDSHAKE = { [0x2] = true, [0x8] = true }
local function in_handshake()
  if not HANDSHAKE[phase()] then error("API disabled in the current context", 3) end
end

local NAMES = { [0x0002] = "SSLv2", [0x0300] = "SSLv3", [0x0301] = "TLSv1", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2", [0x0304] = "TLSv1.3" }
local NUMBERS = {}
for number, name in pairs(NAMES) do NUMBERS[name] = number end

local M = { version = "0.1.28" }

function M.get_client_hello_server_name()
  in_handshake()
  return ask_name()
end

function M.get_supported_versions()
  in_handshake()
  local versions, err = ask_hello()
  if not versions then return nil, err end
  local out = {}
  for _, v in ipairs(versions) do
    if NAMES[v] then out[#out + 1] = NAMES[v] end
  end
  return out
end

function M.get_client_hello_ciphers()
  in_handshake()
  local _, ciphers = ask_hello()
  if not ciphers then return nil, "failed to get_client_hello_ciphers" end
  local out = {}
  for _, n in ipairs(ciphers) do
    if not is_grease(n) then out[#out + 1] = n end
  end
  return out
end

function M.get_client_hello_ext_present()
  in_handshake()
  local _, _, extensions = ask_hello()
  if not extensions then return nil, "failed to get_client_hello_ext_present" end
  return extensions
end

function M.get_client_hello_ext(ext_type)
  in_handshake()
  if type(ext_type) ~= "number" then return nil, "ext_type should be number type" end
  return ask_extension(ext_type)
end

-- set_protocols(list): the versions that this handshake may end with, a list without gaps.
function M.set_protocols(protocols)
  in_handshake()
  if type(protocols) ~= "table" then return nil, "protocols should be a table" end
  local min, max
  for _, name in ipairs(protocols) do
    local v = NUMBERS[name]
    if not v then return nil, "invalid protocols" end
    if v >= 0x0301 then min, max = min and math.min(min, v) or v, max and math.max(max, v) or v end
  end
  if not min then return nil, "invalid protocols" end
  return ask_versions(min, max)
end

return M
