package lua

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/vault"
)

// Services are what operations ask of the gateway besides pdk.Gateway. Nil
// members make their operations fail the Lua way.
type Services struct {
	// Secrets resolves references (kong.vault).
	Secrets *vault.Resolver
}

var services sync.Map // *Runtime → Services

// SetServices says what kong.vault and kong.dns ask. Call it before the first Start.
func (rt *Runtime) SetServices(s Services) { services.Store(rt, s) }

func servicesOf(c *Call) Services {
	s, _ := services.Load(c.vm.rt)
	v, _ := s.(Services)
	return v
}

func init() {
	RegisterOp("vault.parse", parseReference)
	RegisterOp("vault.get", func(c *Call) {
		s := servicesOf(c).Secrets
		if s == nil {
			c.Return(nil, "no vault is configured")
			return
		}
		resolve := s.Resolve
		if c.Bool(1) { // anew
			resolve = s.Renew
		}
		v, err := resolve(c.String(0))
		switch {
		case errors.Is(err, vault.ErrKnownMissing):
			c.Return(nil)
		case err != nil:
			c.Return(nil, err.Error())
		default:
			c.Return(v)
		}
	})
	RegisterOp("vault.flush", func(c *Call) {
		if s := servicesOf(c).Secrets; s != nil {
			s.Flush()
		}
		c.Return()
	})
	RegisterOp("dns.resolve", resolveName)
}

func parseReference(c *Call) {
	r, err := vault.Parse(c.String(0))
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	t := map[string]any{"name": r.Name, "resource": r.Resource}
	if r.Key != "" {
		t["key"] = r.Key
	}
	if len(r.Options) > 0 {
		t["config"] = r.Options
	}
	if r.Version != 0 {
		t["version"] = r.Version
	}
	c.Return(t)
}

// resolveName(name, qtype) answers later with a list of records, or nil and a text.
func resolveName(c *Call) {
	r, w := c.run.vm.rt.resolver(c), c.Worker()
	if r == nil || w == nil || w.Loop == nil {
		c.Return(nil, "dns client error: no resolver")
		return
	}
	name := c.String(0)
	if a, ok := r.Cached(name); ok {
		c.Return(recordsOf(name, a))
		return
	}
	var a *dns.Answer
	var err error
	w.Loop.Go(func() { a, err = r.Resolve(context.Background(), name) }, func() {
		if err != nil {
			_, text := dns.Problem(name, err)
			c.Done(nil, "dns server error: "+text)
			return
		}
		c.Done(recordsOf(name, a))
	})
}

// recordsOf is the list of records as the reference's DNS client gives them.
func recordsOf(name string, a *dns.Answer) []any {
	list := make([]any, 0, len(a.Records))
	left := max(time.Until(a.Expires).Seconds(), 0)
	for _, r := range a.Records {
		t := map[string]any{"name": name, "class": 1, "ttl": left, "type": int(a.Type)}
		if a.Type == dns.TypeSRV {
			t["target"], t["port"], t["priority"], t["weight"] = r.Target, int(r.Port), int(r.Priority), int(r.Weight)
		} else {
			t["address"] = r.Addr.String()
		}
		list = append(list, t)
	}
	return list
}
