package pdk

// PhaseTimes is when the phases of the request so far began and ended and how
// long they took, in whole milliseconds, by the names under which plugins read
// them in ngx.ctx (KONG_ACCESS_TIME, KONG_WAITING_TIME …). Points in time are
// since the Unix epoch. A name is absent while its moment has not come; nil
// for L4 sessions.
func (k *Kong) PhaseTimes() map[string]any {
	if k.X == nil || k.X.Shared == nil {
		return nil
	}
	t := &k.X.Times
	out := map[string]any{}
	at := func(name string, ns int64) {
		if ns != 0 {
			out[name] = k.X.StartWall.UnixMilli() + (ns-t.Start)/1e6
		}
	}
	lasted := func(name string, from, to int64) {
		if from != 0 && to != 0 {
			out[name] = max((to-from)/1e6, 0)
		}
	}
	at("KONG_REWRITE_START", t.Rewrite)
	at("KONG_REWRITE_ENDED_AT", t.Access) // access follows without a pause
	lasted("KONG_REWRITE_TIME", t.Rewrite, t.Access)
	at("KONG_ACCESS_START", t.Access)
	at("KONG_ACCESS_ENDED_AT", t.AccessEnd)
	lasted("KONG_ACCESS_TIME", t.Access, t.AccessEnd)
	at("KONG_BALANCER_START", t.BalancerStart)
	at("KONG_BALANCER_ENDED_AT", t.BalancerEnd)
	lasted("KONG_BALANCER_TIME", t.BalancerStart, t.BalancerEnd)
	at("KONG_HEADER_FILTER_START", t.HeaderFilter)
	if len(k.Tries) > 0 && t.UpstreamHead != 0 {
		lasted("KONG_WAITING_TIME", max(t.AccessEnd, t.BalancerEnd), t.UpstreamHead)
		lasted("KONG_PROXY_LATENCY", t.Start, t.AccessEnd)
		lasted("KONG_RECEIVE_TIME", t.UpstreamHead, t.UpstreamEnd)
	} else {
		lasted("KONG_RESPONSE_LATENCY", t.Start, t.HeaderFilter)
	}
	return out
}
