-- resty.openssl.x509.extensions: lists of extensions
local extension = require "resty.openssl.x509.extension"

return (require("gibbon.stack").kind("x509.extensions", function(v)
  if extension.istype(v) then return extension.dup(v) end
  return nil, "expect a x509.extension instance at #1"
end))
