// Package http2 is the HTTP/2 connection layer (RFC 9113) of both sides:
// frames, header blocks, streams, flow control and its limits.
//
// A Conn is fed with bytes and writes through a Writer, so that it runs on an
// event loop and in a test alike. It starts no goroutine, takes no lock and
// keeps no timer of its own: everything happens in calls of its owner, on one
// goroutine. It knows no routes and no plugins. Framing is our own, since
// x/net's Framer loses data when a socket would block; header blocks are
// decoded by x/net's hpack and encoded by an encoder that copies nothing but
// what it puts into its table.
//
// Bodies are pulled with credit: a Stream says that it is Readable, its owner
// looks at Buffered and Consumes what it could use, and only what was consumed
// is given back to the peer's window. Write takes what the windows and the
// socket allow; the rest is asked for with Writable.
//
// Read conn.go first, then stream.go; receive.go has what comes in, send.go
// what goes out, limits.go what a hostile peer is charged for.
package http2
