-- ngx.pipe: plugins start no processes in this gateway.
return { version = "0.1.28", _VERSION = "0.1.28", spawn = function() return nil, "processes are not supported by this gateway" end }
