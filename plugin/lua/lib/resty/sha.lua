-- resty.sha: what the digests have in common
return { _VERSION = "0.15" }
