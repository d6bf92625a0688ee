// Package websocket is the WebSocket protocol (RFC 6455) with
// permessage-deflate (RFC 7692) on byte slices: frames, messages, close codes,
// the handshake's header fields.
//
// A Reader takes what came from the socket, piece by piece, and gives whole
// messages and control frames, unmasked in place; Append functions make what
// is sent. It owns no connection, starts no goroutine and keeps no timer: its
// user decides what an Error of the other side means.
//
// It does not stream the fragments of a message: they are put together, up to
// a limit that is checked while they come. Read frame.go first, then reader.go.
package websocket
