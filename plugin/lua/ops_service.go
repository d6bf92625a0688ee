package lua

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind kong.service (lib/kong/pdk/service.lua), which checks
// the arguments.
func init() {
	RegisterOp("service.request.set_raw_body", onRequest(func(c *Call, k *pdk.Kong) {
		body := c.String(0)
		err := k.Host.SetBody([]byte(body))
		if err == nil {
			err = k.X.Set(&k.X.Request, "Content-Length", strconv.Itoa(len(body)))
		}
		settle(c, err)
	}))
	RegisterOp("service.request.enable_buffering", onRequest(func(c *Call, k *pdk.Kong) {
		settle(c, k.Service.Request.EnableBuffering())
	}))
	RegisterOp("service.set_retry_callback", onRequest(func(c *Call, k *pdk.Kong) {
		vm := c.run.vm
		k.Balance.Retry = func() int { return vm.retry(k) }
		c.Return()
	}))
	RegisterOp("service.set_target", onRequest(func(c *Call, k *pdk.Kong) {
		settle(c, k.Service.SetTarget(c.String(0), c.Int(1)))
	}))
	RegisterOp("service.set_upstream", onRequest(func(c *Call, k *pdk.Kong) {
		found, err := k.Service.SetUpstream(c.String(0))
		if err != nil && found {
			c.Fail(err.Error())
			return
		}
		c.Return(found)
	}))
	RegisterOp("service.set_retries", onRequest(func(c *Call, k *pdk.Kong) { settle(c, k.Service.SetRetries(c.Int(0))) }))
	RegisterOp("service.set_timeouts", onRequest(func(c *Call, k *pdk.Kong) {
		settle(c, k.Service.SetTimeouts(c.Int(0), c.Int(1), c.Int(2)))
	}))
	RegisterOp("service.set_tls_verify", onRequest(func(c *Call, k *pdk.Kong) { settle(c, k.Service.SetTLSVerify(c.Bool(0))) }))
	RegisterOp("service.set_tls_verify_depth", onRequest(func(c *Call, k *pdk.Kong) {
		settle(c, k.Service.SetTLSVerifyDepth(c.Int(0)))
	}))
	RegisterOp("service.set_tls_cert_key", onRequest(func(c *Call, k *pdk.Kong) {
		refuse(c, k.Service.SetTLSCertificate(c.String(0), c.String(1)), true)
	}))
	RegisterOp("service.set_tls_verify_store", onRequest(func(c *Call, k *pdk.Kong) {
		refuse(c, k.Service.SetTLSVerifyStore(c.String(0)), true)
	}))
	RegisterOp("ctx.balancer_data", onRequest(balancerData))
	RegisterOp("ctx.times", onRequest(func(c *Call, k *pdk.Kong) { c.Return(k.PhaseTimes()) }))
}

// balancerData(): what plugins read of ngx.ctx.balancer_data.
func balancerData(c *Call, k *pdk.Kong) {
	tries := make([]any, len(k.Tries))
	for i, t := range k.Tries {
		try := map[string]any{"ip": t.IP, "port": t.Port, "balancer_start": t.BalancerStart / 1e6, "balancer_latency": t.BalancerLatency / 1e6,
			"balancer_start_ns": t.BalancerStart, "balancer_latency_ns": t.BalancerLatency}
		if t.State != "" {
			try["state"], try["code"] = t.State, t.Code
		}
		tries[i] = try
	}
	data := map[string]any{"tries": tries, "try_count": len(tries), "scheme": k.X.View(k.X.UpstreamScheme)}
	b := &k.Balance
	if s := k.Router.Service; s != nil {
		data["host"], data["port"] = s.Host, s.Port
		data["retries"], data["connect_timeout"], data["send_timeout"], data["read_timeout"] = s.Retries, s.ConnectTimeout, s.WriteTimeout, s.ReadTimeout
	}
	for name, n := range map[string]int{"retries": b.Retries, "connect_timeout": b.ConnectTimeout, "send_timeout": b.WriteTimeout, "read_timeout": b.ReadTimeout} {
		if n >= 0 {
			data[name] = n
		}
	}
	switch {
	case b.Upstream != "":
		data["host"] = b.Upstream
	case b.Host != "":
		data["host"], data["port"] = b.Host, b.Port
	}
	if host, ok := data["host"].(string); ok {
		data["type"] = hostType(host)
	}
	if n := len(k.Tries); n > 0 {
		data["ip"], data["port"], data["hostname"] = k.Tries[n-1].IP, k.Tries[n-1].Port, data["host"]
	}
	c.Return(data)
}

// hostType says what a host is: "ipv4", "ipv6" or "name".
func hostType(host string) string {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case err != nil:
		return "name"
	case a.Is4():
		return "ipv4"
	}
	return "ipv6"
}
