// Package plugintest runs a plugin, in Lua or in Go, against cases that are
// written as a table (spec.yml) or as Lua (spec/NAME_spec.lua): in the process,
// without ports, containers or a database. `gibbon plugin test` and Run, its
// form for `go test`, are its doors.
//
// Nothing of the gateway is imitated: Gateway is the real data plane (router,
// pipeline, Lua runtime) with one worker whose client and upstream are ends of
// socket pairs in this process. What is left out is what a plugin does not
// see: listeners, the Admin API, several workers. For a Go handler alone,
// without a proxy around it, see plugin/pdk/pdktest.
//
// Read gateway.go first (the machine), then spec.go (the table) and run.go.
package plugintest
