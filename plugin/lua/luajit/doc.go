// Package luajit is all C of the Lua runtime and its cgo door: a VM on
// OpenResty's LuaJIT with a memory limit, a time budget and a flat coroutine
// scheduler, and the C functions that Lua code calls on an exchange.
//
// It knows no plugin and no phase order: package lua above it does. Go never
// touches a Lua stack; values travel as bytes (codec.c, value.go). A VM is not
// safe for concurrent use, but Interrupt and Running are.
//
// Read vm.h (what an api_*.c file sees), core.h (the runtime's own state),
// then enter.c and sched.c.
package luajit
