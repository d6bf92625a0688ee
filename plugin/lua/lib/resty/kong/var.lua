-- resty.kong.var: variables by index; here all of ngx.var are
return { patch_metatable = function() end }
