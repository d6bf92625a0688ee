// Package lua runs plugins written in Lua: it loads kong.plugins.NAME.handler
// and .schema from the Lua path into the same plugin.Plugin value that a Go
// plugin is, and implements plugin.Runtime for them with one LuaJIT VM per
// worker (DESIGN section 4).
//
// What Lua code calls is answered on three floors. C functions
// (luajit/api_*.c) read and edit the exchange and never suspend. Everything else is
// an operation in Go, registered by name with RegisterOp (ops_*.go), which
// Lua reaches with
//
//	local op = native.op("request.get_raw_body")   -- resolve the name once
//	local a, b = native.ask(op, ...)    -- answers at once, legal everywhere
//	local a, b = native.wait(op, ...)   -- suspends until Go calls Done
//
// Arguments and results are nil, booleans, numbers, strings, JSON null and
// tables of these. The embedded Lua library (lib/) is found by require before
// the user's lua_package_path; lib/init.lua sets the globals (kong, ngx …) up
// and runs once per VM, before any plugin is loaded. What the reference does
// not ship but public plugins require (extra/) is found behind the user's path.
//
// The Lua side of the runtime, package.loaded["gibbon.native"]:
//
//	op(name)            number of an operation; error if unknown
//	ask(op, ...)        class Ask
//	wait(op, ...)       class Wait: "API disabled in the context of …" where refused
//	can_wait()          would wait be accepted here and now?
//	exit()              ends the running handler for good; the response is set already
//	log(level, text)    a line for the error log, prefix and all; never blocks
//	log_level()         least severe level written (8 debug … 1 emerg)
//	phase()             phase number (model/phase), 0 at load time
//	plugin()            name, id, instance of the running plugin; nil outside
//	bound()             number that is unique per configuration (key for caches); 0 outside
//	context(), request() the running context's tables, made when missing (ngx.ctx; the library's own);
//	                     set_context(t) replaces the first; nil at load time
//	worker()            id, count
//	refuse()            raises "API disabled in the context of …"
//	memory()            bytes of heap in use, limit
//	null                JSON null; set_array_mt(t) says what marks an array
//
// It knows neither the proxy nor how plugins are chosen. Read runtime.go
// first, then vm.go, then luajit/core.h.
package lua
