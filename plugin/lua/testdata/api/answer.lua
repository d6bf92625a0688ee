-- An answer that a handler prints.
function P:access()
  is("flush", 'nil, "nothing to flush"', ngx.flush())
  ngx.status = 418
  ngx.header["X-Own"] = "1"
  is("say", "1", ngx.say("a", 1, true, nil, { "b", { "c" } }))
  throws("table", "bad argument #1 to 'print' (non-array table found)", ngx.print, { a = 1 })
  is("sent", "true", ngx.headers_sent)
  throws("redirect", "attempt to call ngx.redirect after sending out the headers", ngx.redirect, "/x")
  is("eof", "1", ngx.eof())
  is("eof twice", 'nil, "seen eof"', ngx.eof())
  is("say after", 'nil, "seen eof"', ngx.say("x"))
end

function P:header_filter() is("status", '418, "1", "error"', kong.response.get_status(), kong.response.get_header("X-Own"), kong.response.get_source()) end
