return function(ngx) end
