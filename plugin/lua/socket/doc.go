// Package socket has the sockets of Lua code that waits (cosockets): TCP with
// TLS and pools of idle connections, UDP, and the reader by lines, counts and
// patterns that they share with the request body (ngx.req.socket).
//
// Everything belongs to a worker's loop. An operation calls its done function
// once, on the loop, perhaps before it returns; errors are the words that Lua
// code compares ("timeout", "closed"). No goroutine stands behind a socket;
// only a TLS handshake and a name that a server must be asked for take one.
//
// It knows neither Lua nor requests. Read reader.go first, then conn.go.
package socket
