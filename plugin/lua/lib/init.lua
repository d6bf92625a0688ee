-- Sets a VM up: the globals ngx, ndk and kong, the modules that Lua code finds loaded already. The runtime runs it once per
-- VM, before any plugin.
local native = require "gibbon.native"

package.loaded["cjson"] = native.json(false)
local safe = native.json(true)
safe.encode_sparse_array(nil, nil, 2 ^ 15)
package.loaded["cjson.safe"] = safe
package.loaded["cjson"].encode_escape_forward_slash(false)
native.set_array_mt(package.loaded["cjson"].array_mt)

require "table.new"
require "table.clear"
require "gibbon.tables"

ngx = require "gibbon.ngx"
package.loaded["ngx"] = ngx
require "gibbon.limits"

ndk = { set_var = require "gibbon.ndk" }

kong = require "gibbon.kong"
package.loaded["kong"] = kong
package.loaded["kong.pdk"] = kong
require "gibbon.ctx"

if ngx.config.subsystem == "stream" then require "gibbon.ngx_stream" end

-- Handlers are chains of short pieces between calls of C functions. Compiled one by one, each costs more to enter and leave
-- than it saves; a piece that is stitched to the next one is to have some length.
require("jit.opt").start("minstitch=40")

-- Plugins gate on the version of the reference's LuaJIT.
jit.version_num = 20199

-- Parts of lua-resty-core that Lua code names by habit. Debian's files of these names bind nginx's own functions and would
-- take ngx.ctx, ngx.var and others away.
for _, part in ipairs { "base64", "coroutine", "ctx", "exit", "hash", "misc", "ndk", "param", "phase", "regex", "request", "response",
  "shdict", "socket", "socket_tcp", "time", "uri", "utils", "var", "worker" } do
  package.preload["resty.core." .. part] = function() return require "resty.core" end
end

-- Handlers and schemas of plugins in Go, where no module has their name.
package.loaders[#package.loaders + 1] = function(name) return require("gibbon.bundled").search(name) end
