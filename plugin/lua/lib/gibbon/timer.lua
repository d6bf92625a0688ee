-- kong.timer
return require("gibbon.ngx_timer").kong
