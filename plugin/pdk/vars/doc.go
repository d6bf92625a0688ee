// Package vars is the one table of nginx's and Kong's variables: ngx.var in
// Lua, $name in access log formats, and pdk.Host.Variable all read it.
//
// It computes values from the request and keeps nothing. Read vars.go first
// (how names are found), then request.go, connection.go and upstream.go (the
// variables), then set.go (the writable ones).
package vars
