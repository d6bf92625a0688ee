-- Times and their texts.
function P:access()
  is("kinds", '"number", "number", 10, 19, 19', type(ngx.time()), type(ngx.now()), #ngx.today(), #ngx.localtime(), #ngx.utctime())
  is("http", '"Fri, 11 Jan 2019 03:47:51 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"', ngx.http_time(1547178471), ngx.http_time(0))
  is("cookie", '"Fri, 11-Jan-19 03:47:51 GMT", "Fri, 01-Jan-2100 00:00:00 GMT"', ngx.cookie_time(1547178471), ngx.cookie_time(4102444800))
  is("parse", "1547178471, nil, 1547178471", ngx.parse_http_time("Fri, 11 Jan 2019 03:47:51 GMT"), ngx.parse_http_time("yesterday"),
    ngx.parse_http_time("Friday, 11-Jan-19 03:47:51 GMT"))
  throws("bad", "number argument only", ngx.http_time, "x")
  is("constants", "200, 404, 500, -1, 0, 8, 4, 3", ngx.HTTP_OK, ngx.HTTP_NOT_FOUND, ngx.HTTP_INTERNAL_SERVER_ERROR, ngx.ERROR, ngx.OK, ngx.DEBUG - 0, ngx.ERR, ngx.CRIT)
end
