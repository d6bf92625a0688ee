-- kong.conf_loader: the settings of the gateway, which are loaded already.
return setmetatable({ load = function() return kong.configuration end }, { __call = function() return kong.configuration end })
