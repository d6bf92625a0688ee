-- kong.vault: references to secrets, resolved by the gateway (engine/vault).
local op = require "gibbon.op"

local ask_parse, ask_get, ask_flush = op.ask("vault.parse"), op.ask("vault.get"), op.ask("vault.flush")
local type, error, tostring, pairs, next = type, error, tostring, pairs, next
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

-- resolve(t, anew): the references in t["$refs"], and in the tables within, put in their places. A secret that cannot be had
-- leaves what is there.
local function resolve(t, anew)
  local refs = t["$refs"]
  if type(refs) == "table" then
    for name, ref in pairs(refs) do
      if type(ref) == "table" then
        for k, r in pairs(ref) do
          local v = M.is_reference(r) and ask_get(r, anew)
          if v and type(t[name]) == "table" then t[name][k] = v end
        end
      else
        local v = M.is_reference(ref) and ask_get(ref, anew)
        if v then t[name] = v end
      end
    end
  end
  for k, v in pairs(t) do
    if k ~= "$refs" and type(v) == "table" then resolve(v, anew) end
  end
  return t
end

-- update(options): the options with the references in $refs resolved.
function M.update(options)
  if type(options) ~= "table" then error("options must be a table", 2) end
  return resolve(options, false)
end

local NO_ROTATION = "cannot automatically rotate secrets "

-- try(callback, options): its result; where it gives none, that of one more call with the secrets of options asked for anew.
-- What the callback throws goes through.
function M.try(callback, options)
  local res, err = callback(options)
  if res then return res end
  if not options then
    kong.log.notice(NO_ROTATION, "in absence of options")
    return nil, err
  end
  local refs = options["$refs"]
  if refs == nil then
    kong.log.notice(NO_ROTATION, 'in absence of options["$refs"]')
    return nil, err
  end
  if next(refs) == nil then
    kong.log.notice(NO_ROTATION, 'with empty options["$refs"]')
    return nil, err
  end
  return callback(resolve(options, true))
end

function M.flush() ask_flush() end
function M.warmup() end
function M.init_worker() end

return M
