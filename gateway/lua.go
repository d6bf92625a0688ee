package gateway

import (
	"runtime"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// newLuaRuntime makes the runtime of Lua plugins with the settings' paths.
func newLuaRuntime(c *conf.Config, l *log.Logger) (*lua.Runtime, error) {
	workers := c.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return lua.New(lua.Options{PackagePath: c.Lua.PackagePath, PackageCPath: c.Lua.PackageCPath, Workers: workers, Log: l})
}
