-- kong.tools.yield: lets others have their turn, where that is possible.
local native = require "gibbon.native"

local count = 0

-- yield(in_loop): in a loop only every thousandth call does.
local function yield(in_loop)
  if in_loop then
    count = count + 1
    if count % 1000 ~= 0 then return end
  end
  if native.can_wait() then ngx.sleep(0) end
end

return { yield = yield }
