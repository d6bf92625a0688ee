-- resty.sha512: a running digest
return require "gibbon.digest" ("sha512")
