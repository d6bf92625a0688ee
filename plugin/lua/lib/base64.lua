-- base64: the module of that name that plugins install
return { encode = function(s) return ngx.encode_base64(s) end, decode = function(s) return ngx.decode_base64(s) end }
