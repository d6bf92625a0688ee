-- ngx.ctx and kong.ctx over the phases of one request.
function P:access()
  ngx.ctx.a, kong.ctx.shared.b, kong.ctx.plugin.c = 1, 2, 3
  ngx.ctx = { fresh = true }
  is("replaced", "true, nil", ngx.ctx.fresh, ngx.ctx.a)
  is("kept", "2", kong.ctx.shared.b)
  is("phase", '"access"', ngx.get_phase())
end

function P:header_filter() is("header_filter", '2, 3, "header_filter"', kong.ctx.shared.b, kong.ctx.plugin.c, ngx.get_phase()) end
function P:body_filter() is("body_filter", '"body_filter"', ngx.get_phase()) end
function P:log() is("log", 'true, 2, 3, "log"', ngx.ctx.fresh, kong.ctx.shared.b, kong.ctx.plugin.c, ngx.get_phase()) end
