package gateway

import (
	"runtime"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// luaTimeBudget is the processor time that a handler may use without a pause.
// The reference has no such bound: there a runaway handler stops its worker.
const luaTimeBudget = 3 * time.Second

// newLuaRuntime makes the runtime of Lua plugins with the settings' paths.
func newLuaRuntime(c *conf.Config, l *log.Logger) (*lua.Runtime, error) {
	workers := c.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var pools []lua.ThreadPool
	for _, p := range c.Lua.ThreadPools {
		pools = append(pools, lua.ThreadPool(p))
	}
	return lua.New(lua.Options{PackagePath: c.Lua.PackagePath, PackageCPath: c.Lua.PackageCPath, Workers: workers, Stream: len(c.Listen.Stream) > 0, Log: l, TimeBudget: luaTimeBudget,
		CheckClientAbort: c.Lua.CheckClientAbort, ThreadPools: pools, SocketPoolSize: c.Lua.SocketPoolSize,
		RegexMatchLimit: c.Lua.RegexMatchLimit, RegexCacheEntries: c.Lua.RegexCacheMaxEntries,
		MaxPendingTimers: c.Lua.MaxPendingTimers, MaxRunningTimers: c.Lua.MaxRunningTimers, Settings: settingsView(c)})
}
