-- resty.sha256: a running digest
return require "gibbon.digest" ("sha256")
