-- kong.meta: the version that plugins gate on
local version = setmetatable({ major = 3, minor = 9, patch = 3 }, { __tostring = function(v) return v.major .. "." .. v.minor .. "." .. v.patch end })
return {
  _NAME = "kong", _VERSION = "3.9.3", _VERSION_TABLE = version, version = "3.9.3",
  _SERVER_TOKENS = "kong/3.9.3", _DEPENDENCIES = { nginx = { "1.25.3.2", "1.25.3.2" } }, core_lua_package_path = "./?.lua;./?/init.lua;",
}
