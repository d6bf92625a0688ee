-- resty.sha384: a running digest
return require "gibbon.digest" ("sha384")
