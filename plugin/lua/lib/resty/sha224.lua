-- resty.sha224: a running digest
return require "gibbon.digest" ("sha224")
