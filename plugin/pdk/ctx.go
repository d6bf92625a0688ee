package pdk

// Ctx is kong.ctx: values that live as long as the request. They belong to Go
// plugins; kong.ctx of Lua plugins are Lua tables of their own, of which
// Shared sees kong.ctx.shared.
//
// Few values are kept per request, so they stand in a list: looking one up is
// a walk over it, and keeping one allocates nothing but the value.
type Ctx struct {
	k      *Kong
	values []ctxValue
}

type ctxValue struct {
	plugin string // "" = shared
	key    string
	value  any
}

// Get is the current plugin's value of key (kong.ctx.plugin[key]); nil without one.
func (c *Ctx) Get(key string) any { return c.get(c.k.currentName(), key) }

// Set keeps a value for the current plugin, for its later phases.
func (c *Ctx) Set(key string, value any) { c.set(c.k.currentName(), key, value) }

// Shared is the value of key that any plugin set (kong.ctx.shared[key]), Go or
// not; nil without one.
func (c *Ctx) Shared(key string) any {
	if v := c.get("", key); v != nil || c.k.Foreign == nil {
		return v
	}
	v, _ := c.k.Foreign.SharedValue(c.k, key)
	return v
}

// SetShared keeps a value for all plugins.
func (c *Ctx) SetShared(key string, value any) { c.set("", key, value) }

func (c *Ctx) get(plugin, key string) any {
	for i := range c.values {
		if v := &c.values[i]; v.key == key && v.plugin == plugin {
			return v.value
		}
	}
	return nil
}

func (c *Ctx) set(plugin, key string, value any) {
	for i := range c.values {
		if v := &c.values[i]; v.key == key && v.plugin == plugin {
			v.value = value
			return
		}
	}
	c.values = append(c.values, ctxValue{plugin, key, value})
}

// currentName is the name of the plugin that runs, "" outside of plugins.
func (k *Kong) currentName() string {
	if k.Current == nil {
		return ""
	}
	return k.Current.Name
}
