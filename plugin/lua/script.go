package lua

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// Script runs Lua code once, in a VM of its own that has the library but no
// worker and no request, and gives what it returns. name is the chunk's in
// error messages ("=spec"); args are its "...". Operations may block in it, so
// it is for tools (plugintest), not for requests.
func (rt *Runtime) Script(name, source string, args ...any) (results []any, err error) {
	c, err := newControl(rt)
	if err != nil {
		return nil, err
	}
	defer c.close()
	c.onThread(func() {
		r := idle(c.vm, 0)
		var b []byte
		for _, a := range args {
			b = luajit.AppendValue(b, a)
		}
		c.vm.begin(r)
		defer func() { c.vm.end(); c.vm.flush(r) }()
		var out []byte
		if out, err = c.vm.lj.Eval(source, name, b); err != nil {
			return
		}
		var good bool
		if results, good = luajit.DecodeValues(out); !good {
			err = errors.New("the results are malformed")
		}
	})
	return results, err
}
