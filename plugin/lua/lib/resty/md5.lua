-- resty.md5: a running digest
return require "gibbon.digest" ("md5")
