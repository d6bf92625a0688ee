-- kong.resty.mlcache: resty.mlcache by the name that the reference keeps it under
return require "resty.mlcache"
