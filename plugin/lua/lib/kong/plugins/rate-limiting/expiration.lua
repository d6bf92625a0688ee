-- kong.plugins.rate-limiting.expiration: seconds of each window.
return { second = 1, minute = 60, hour = 3600, day = 86400, month = 2592000, year = 31536000 }
