-- kong.tools.dns: the resolver of the gateway; its settings are the gateway's own.
return function() return require "resty.dns.client" end
