-- the module under the name that it has in the reference
return require "resty.dns.client"
