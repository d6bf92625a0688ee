local function check_shdict(name)
  if not ngx.shared[name] then return false, "missing shared dict '" .. name .. "'" end
  return true
end
return {
  name = "shm-response-cache",
  fields = {
    { config = { type = "record", fields = {
      { response_code = { type = "array", default = { 200, 301, 404 }, elements = { type = "integer", between = { 100, 900 } }, len_min = 1, required = true } },
      { request_method = { type = "array", default = { "GET", "HEAD" }, elements = { type = "string", one_of = { "HEAD", "GET", "POST" } }, required = true } },
      { cache_ttl = { type = "integer", default = 300, gt = 0 } },
      { dictionary_name = { type = "string", required = true, default = "kong_db_cache", custom_validator = check_shdict } },
    } } },
  },
}
