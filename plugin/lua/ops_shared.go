package lua

import (
	"math"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// sharedDicts are the dictionaries that the reference declares, with their
// sizes in bytes; mem_cache_size sets those of 0.
var sharedDicts = map[string]int64{
	"kong": 5 << 20, "kong_locks": 8 << 20, "kong_healthchecks": 5 << 20, "kong_cluster_events": 5 << 20,
	"kong_rate_limiting_counters": 12 << 20, "kong_core_db_cache": 0, "kong_core_db_cache_miss": 12 << 20,
	"kong_db_cache": 0, "kong_db_cache_miss": 12 << 20, "kong_secrets": 5 << 20, "prometheus_metrics": 5 << 20,
}

// shared.declare(name): makes the dictionary if it is the reference's own or
// named by nginx_http_lua_shared_dict or nginx_stream_lua_shared_dict; without a name all of them. It says
// whether there is such a dictionary.
func init() {
	RegisterOp("shared.declare", func(c *Call) {
		all := declared(c)
		name := c.String(0)
		if name == "" {
			for n, size := range all {
				if err := luajit.DeclareShared(n, size); err != nil {
					c.Fail(err.Error())
					return
				}
			}
			c.Return(true)
			return
		}
		size, ok := all[name]
		if !ok {
			c.Return(false)
			return
		}
		if err := luajit.DeclareShared(name, size); err != nil {
			c.Fail(err.Error())
			return
		}
		c.Return(true)
	})
}

func declared(c *Call) map[string]int64 {
	all := make(map[string]int64, len(sharedDicts))
	cache := int64(128 << 20)
	if s, ok := setting(c, "mem_cache_size").(string); ok {
		if n := parseSize(s); n > 0 {
			cache = n
		}
	}
	for n, size := range sharedDicts {
		if size == 0 {
			size = cache
		}
		all[n] = size
	}
	for _, name := range []string{"nginx_http_lua_shared_dict", "nginx_stream_lua_shared_dict", "nginx_lua_shared_dict"} {
		text, _ := setting(c, name).(string)
		for _, one := range strings.Split(text, ";") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "lua_shared_dict ")
			if f := strings.Fields(one); len(f) == 2 {
				if n := parseSize(f[1]); n > 0 {
					all[f[0]] = n
				}
			}
		}
	}
	return all
}

// parseSize reads nginx's sizes: bytes, or with k, m, g behind; 0 for anything else.
func parseSize(s string) int64 {
	unit := int64(1)
	if s != "" {
		switch s[len(s)-1] | 0x20 {
		case 'k':
			unit = 1 << 10
		case 'm':
			unit = 1 << 20
		case 'g':
			unit = 1 << 30
		}
		if unit > 1 {
			s = s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0
	}
	return n * unit
}
