package pdk

import (
	"errors"
	"sync/atomic"
)

// errNoLua answers where no Lua runtime is linked in or started.
var errNoLua = errors.New("Lua code of a configuration cannot be run: there is no Lua runtime")

// Eval runs Lua code that stands in a configuration (custom_fields_by_lua, the
// templates of transformers) for this request, in the sandbox that the setting
// untrusted_lua asks for, and gives the first value that it returns: nil,
// bool, float64, string, []any or map[string]any.
//
// env are more global variables of the code, of the same types. It is legal in
// every phase of a request except body_filter. The code sees the PDK as a handler of this phase does,
// but may not wait: an error says so, as it says what the code raised and that untrusted_lua is off.
// Code that compiled once is kept.
func (k *Kong) Eval(code string, env map[string]any) (value any, err error) {
	if k.Gateway == nil || k.Gateway.Eval == nil {
		return nil, errNoLua
	}
	err = k.onLoop(func() error {
		var e error
		value, e = k.Gateway.Eval(k, code, env)
		return e
	})
	return value, err
}

var luaCheck atomic.Pointer[func(code string) error]

// SetLuaCheck says what CheckLua asks; the Lua runtime calls it.
func SetLuaCheck(check func(code string) error) { luaCheck.Store(&check) }

// CheckLua says what is wrong with Lua code before it is stored: that it does
// not compile, or that untrusted_lua is off. It is for the CustomValidator of
// schemas. Without a Lua runtime nothing is wrong.
func CheckLua(code string) error {
	if check := luaCheck.Load(); check != nil {
		return (*check)(code)
	}
	return nil
}
