-- resty.sha1: a running digest
return require "gibbon.digest" ("sha1")
