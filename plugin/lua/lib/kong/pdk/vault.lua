-- kong.vault: references to secrets, resolved by the gateway (engine/vault).
local op = require "gibbon.op"

local ask_parse, ask_get, ask_flush = op.ask("vault.parse"), op.ask("vault.get"), op.ask("vault.flush")
local type, error, pcall, tostring = type, error, pcall, tostring
local M = {}

function M.is_reference(reference)
  return type(reference) == "string" and reference:sub(1, 9) == "{vault://" and reference:sub(-1) == "}"
end

function M.parse_reference(reference)
  if not M.is_reference(reference) then return nil, "not a reference [" .. tostring(reference) .. "]" end
  return ask_parse(reference)
end

function M.get(reference)
  if not M.is_reference(reference) then return nil, "not a reference [" .. tostring(reference) .. "]" end
  return ask_get(reference)
end

-- update(options): the options with references in $refs resolved anew.
function M.update(options)
  if type(options) ~= "table" then error("options must be a table", 2) end
  local function resolve(t)
    local refs = t["$refs"]
    if type(refs) == "table" then
      for name, ref in pairs(refs) do
        if type(ref) == "table" then
          for k, r in pairs(ref) do
            local v = M.get(r)
            if v ~= nil and type(t[name]) == "table" then t[name][k] = v end
          end
        else
          local v = M.get(ref)
          if v ~= nil then t[name] = v end
        end
      end
    end
    for k, v in pairs(t) do
      if k ~= "$refs" and type(v) == "table" then resolve(v) end
    end
    return t
  end
  return resolve(options)
end

-- try(callback, options): calls it; where it fails, once more with references resolved anew.
function M.try(callback, options)
  local ok, res, err = pcall(callback, options)
  if ok and res then return res end
  if not ok then err = res end
  if not options then return nil, err end
  local again, res2, err2 = pcall(callback, M.update(options))
  if again and res2 then return res2 end
  return nil, not again and res2 or err2
end

function M.flush() ask_flush() end
function M.warmup() end
function M.init_worker() end

return M
