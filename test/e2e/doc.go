// Package e2e tests what only a whole gateway shows: framing on real sockets, smuggling, runaway Lua, reload and drain. Behaviour that
// the reference gateway has too belongs into test/golden instead. There is no code here, only tests; setup_test.go first.
package e2e
