// Package proxyproto reads the header of the PROXY protocol (HAProxy's
// proxy-protocol.txt), versions 1 and 2, that a load balancer puts in front of
// a connection's bytes to tell whose connection it forwards.
//
// It reads from a byte slice and holds no state: whoever owns the socket calls
// Parse again with more bytes on ErrMore. It does not write headers, and it
// does not decide whether a peer may be believed.
package proxyproto
