-- kong.tools.public: the request body as plugins of old times read it
return {
  get_body_args = function() return kong.request.get_body() or {} end,
  get_body_info = function()
    local params, err = kong.request.get_body()
    return params or {}, err, kong.request.get_raw_body()
  end,
  req_body_errors = { no_ct = "no content-type", unknown_ct = "unknown content-type" },
}
