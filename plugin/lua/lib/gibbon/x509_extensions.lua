-- What certificates, requests and revocation lists have in common: their extensions.
local crypto = require "gibbon.crypto"
local objects = require "resty.openssl.objects"
local extension = require "resty.openssl.x509.extension"
local ipairs, type, tostring = ipairs, type, tostring

local M = {}

-- matcher(what): a function that says whether an extension is the one that a number or a text names; nil and why not.
local function matcher(what)
  local nid = objects.txtnid2nid(what)
  if nid and nid > 0 then return function(ext) return crypto.C.OBJ_obj2nid(ext:get_object()) == nid end end
  if type(what) == "string" and what:find("^%d+%.[%d.]+$") then return function(ext) return objects.obj2table(ext:get_object()).id == what end end
  return nil, 'invalid NID text "' .. tostring(what) .. '"'
end

-- install(class, name, own): own.list(self) gives copies of all extensions in order, own.add(self, ext) puts one last and
-- own.replace(self, i, ext) one in the place of the i-th; both say whether they could.
function M.install(class, name, own)
  local function find(self, what, last)
    local is, err = matcher(what)
    if not is then return nil, nil, name .. ":get_extension: " .. err end
    for i, ext in ipairs(own.list(self)) do
      if i > (last or 0) and is(ext) then return ext, i end
    end
    return nil
  end

  -- get_extension(what, last) gives the first one behind the place last, and its place.
  class.get_extension = find

  function class:get_extensions() return require("resty.openssl.x509.extensions").adopt(own.list(self)) end

  -- add_extension(extension), or add_extension(name, value) as openssl.cnf writes it.
  function class:add_extension(ext, value)
    if type(ext) == "string" then
      local err
      ext, err = extension.new(ext, value)
      if not ext then return nil, err end
    end
    if not extension.istype(ext) then return false, name .. ":add_extension: expect a x509.extension instance at #1" end
    if not own.add(self, ext) then return crypto.failure(name .. ":add_extension") end
    return true
  end

  -- set_extension(extension, last) takes the place of the one of the same type; without a place to begin at it may be a new one.
  function class:set_extension(ext, last)
    if not extension.istype(ext) then return false, name .. ":set_extension: expect a x509.extension instance at #1" end
    local _, at = find(self, objects.obj2table(ext:get_object()).id, last)
    if not at then
      if last then return nil end
      return class.add_extension(self, ext)
    end
    if not own.replace(self, at, ext) then return crypto.failure(name .. ":set_extension") end
    return true
  end

  function class:get_extension_critical(what)
    local ext, _, err = find(self, what)
    if not ext then return nil, err end
    return ext:get_extension_critical()
  end

  function class:set_extension_critical(what, critical)
    local ext, at, err = find(self, what)
    if not ext then return false, err or name .. ":set_extension_critical: there is no such extension" end
    ext:set_extension_critical(critical)
    if not own.replace(self, at, ext) then return crypto.failure(name .. ":set_extension_critical") end
    return true
  end
end

-- named(class, name, attribute, what, get, make): get_ATTRIBUTE, set_ATTRIBUTE and those of its critical flag, where get(ext) reads
-- the value and make(value) gives an extension; both nil and a text where they cannot.
function M.named(class, name, attribute, what, get, make)
  class["get_" .. attribute] = function(self, ...)
    local ext = self:get_extension(what)
    if not ext then return nil end
    local value, err = get(ext, ...)
    if value == nil and err then return nil, name .. ":get_" .. attribute .. ": " .. err end
    return value
  end
  class["set_" .. attribute] = function(self, value)
    local ext, err = make(value)
    if not ext then return false, name .. ":set_" .. attribute .. ": " .. tostring(err) end
    return self:set_extension(ext)
  end
  class["get_" .. attribute .. "_critical"] = function(self) return self:get_extension_critical(what) end
  class["set_" .. attribute .. "_critical"] = function(self, critical) return self:set_extension_critical(what, critical) end
end

-- alternative(class, name, attribute, what): a list of names.
function M.alternative(class, name, attribute, what)
  local altname = require "resty.openssl.x509.altname"
  M.named(class, name, attribute, what, function(ext)
    local list = require("gibbon.general_names").parse(ext:data())
    if not list then return nil, "the extension is not a list of names" end
    return altname.adopt(list)
  end, function(v)
    local list, err = altname.of(v)
    if not list then return nil, err end
    return extension.from_data(list, what)
  end)
end

-- stored(class, name, attribute, what, module): a list of module's kind.
function M.stored(class, name, attribute, what, module)
  local lists = require(module)
  M.named(class, name, attribute, what, function(ext)
    local list = lists.parse(ext:data())
    if not list then return nil, "the extension is not understood" end
    return list
  end, function(v)
    if not lists.istype(v) then return nil, "expect an instance of " .. module end
    return extension.from_data(v, what)
  end)
end

return M
