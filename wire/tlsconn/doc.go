// Package tlsconn puts crypto/tls on an event loop: the handshake runs in a
// goroutine of its own on Go's poller, then the session is driven from the
// loop as a layer of its loop.Conn.
//
// It chooses no certificates and verifies nothing itself: that is in the
// tls.Config it is given. Read tlsconn.go first.
package tlsconn
