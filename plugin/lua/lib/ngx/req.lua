-- ngx.req as a module
local native = require "gibbon.native"
return { add_header = native.req_add_header }
