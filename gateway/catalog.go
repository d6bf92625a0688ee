package gateway

import (
	"fmt"
	"sort"
	"sync/atomic"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/router/atc"
	"github.com/gibbon-gateway/gibbon/engine/vault"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// catalog is the enabled plugins and the schemas of all entities: what a
// configuration is checked against.
type catalog struct {
	conf    *conf.Config
	log     *log.Logger
	enabled map[string]*plugin.Plugin
	lua     *lua.Runtime
	secrets *vault.Resolver
	// vaults finds stored vaults; nil until there is a store.
	vaults atomic.Pointer[dao.Memory]
}

// loadCatalog finds every plugin that the setting plugins names: bundled ones
// in the binary, others on the Lua path.
func loadCatalog(c *conf.Config, l *log.Logger) (*catalog, error) {
	k := &catalog{conf: c, log: l}
	var err error
	if k.lua, err = newLuaRuntime(c, l); err != nil {
		return nil, err
	}
	k.secrets = newSecrets(c, k.findVault)
	k.lua.SetServices(lua.Services{Secrets: k.secrets})
	if k.enabled, err = k.load(); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *catalog) load() (map[string]*plugin.Plugin, error) {
	enabled := map[string]*plugin.Plugin{}
	for _, name := range k.conf.Plugins.Enabled {
		if name == "bundled" {
			for _, b := range plugin.BundledNames() {
				enabled[b], _ = plugin.Bundled(b)
			}
			for _, b := range lua.Bundled {
				p, err := k.lua.Load(b)
				if err != nil {
					return nil, fmt.Errorf("plugins: %q: %w", b, err)
				}
				enabled[b] = p
			}
			continue
		}
		if p, ok := plugin.Bundled(name); ok {
			enabled[name] = p
			continue
		}
		p, err := k.lua.Load(name)
		if err != nil {
			return nil, fmt.Errorf("plugins: %q is enabled but cannot be loaded: %w", name, err)
		}
		enabled[name] = p
	}
	return enabled, nil
}

// reload loads Lua plugins anew; on error the old ones stay.
func (k *catalog) reload() error {
	next, err := k.load()
	if err != nil {
		return err
	}
	k.enabled = next
	return nil
}

func (k *catalog) close() {
	if k.lua != nil {
		k.lua.Close()
	}
}

// Plugin implements declarative's view of plugins.
func (k *catalog) Plugin(name string) (*plugin.Plugin, bool) {
	p, ok := k.enabled[name]
	return p, ok
}

// Config implements declarative.PluginSchemas.
func (k *catalog) Config(name string) (*schema.Schema, bool) {
	p, ok := k.enabled[name]
	if !ok {
		return nil, false
	}
	return p.Config, true
}

// names lists the enabled plugins, sorted.
func (k *catalog) names() []string {
	var out []string
	for n := range k.enabled {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// schemas are those of the core entities and of the plugins' own.
func (k *catalog) schemas() []*schema.Schema {
	all := entity.Schemas(k.entityOptions())
	for _, n := range k.names() {
		all = append(all, k.enabled[n].Entities...)
	}
	return all
}

func (k *catalog) entityOptions() entity.Options {
	return entity.Options{RouterFlavor: k.conf.Router.Flavor, CheckExpression: atc.Check, CheckRegexPath: checkRegexPath(k.conf), CheckHeaderRegex: func(p string) error { return router.CheckHeaderRegex(flavor(k.conf), p) },
		Plugin:         k.Config,
		ConsumerGroups: k.conf.Datastore.Database == "off"}
}

// newStore makes the entities' store.
func (k *catalog) newStore() (*dao.Memory, error) {
	store, err := dao.NewMemory(dao.Options{Schemas: k.schemas()})
	if err == nil {
		k.vaults.Store(store)
	}
	return store, err
}

// resolveSecrets replaces references ({vault://…}) in a plugin's configuration.
func (k *catalog) resolveSecrets(p *plugin.Plugin, config map[string]any) (map[string]any, error) {
	if p.Config == nil {
		return config, nil
	}
	return p.Config.ResolveReferences(config, k.secret)
}

func flavor(c *conf.Config) router.Flavor { return router.Flavor(c.Router.Flavor) }
