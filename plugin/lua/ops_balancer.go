package lua

// The operations behind kong.runloop.balancer.
func init() {
	RegisterOp("balancer.health", func(c *Call) {
		g := c.Gateway()
		if g == nil || g.Health == nil {
			c.Return(nil)
			return
		}
		checker := g.Health.Lookup(c.String(0))
		if checker == nil {
			c.Return(nil)
			return
		}
		list := []any{}
		for _, a := range checker.Addresses() {
			k := a.Key()
			list = append(list, map[string]any{"host": k.Host, "ip": k.Addr.Addr().String(), "port": int(k.Addr.Port()), "healthy": a.Healthy()})
		}
		c.Return(map[string]any{"enabled": checker.Enabled(), "addresses": list})
	})
}
