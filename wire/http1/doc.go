// Package http1 is the HTTP/1.1 codec (RFC 9112): heads are parsed in place
// into offsets, chunked bodies are decoded in place, heads and chunks are
// appended to a buffer.
//
// It is strict where leniency has let requests be smuggled: a length beside
// chunked, two lengths, codings other than chunked, bare LF, NUL and space
// before a colon are refused. Fuzz targets hold it against net/http: what is
// accepted here, that parser reads the same. It reads no sockets and knows no
// routes.
// Read head.go first.
package http1
