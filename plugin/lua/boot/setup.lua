-- Runs once in every VM, before any plugin: the library's own set-up (lib/init.lua), if it is there.
package.loaded["gibbon.subsystem"] = ... or "http"
local loaders = package.loaders
local found = loaders[2]("gibbon.init")
if type(found) == "function" then
  package.loaded["gibbon.init"] = true
  found("gibbon.init")
end

-- One process serves everybody.
function os.exit()
  error("os.exit is refused: it would end the gateway for all requests", 2)
end
