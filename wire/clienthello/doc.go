// Package clienthello reads a TLS ClientHello (RFC 8446 section 4.1.2) before
// anybody shakes hands: the server name decides whether a connection is
// terminated here or passed on as it is.
//
// It checks the form that it needs and nothing more: no versions, ciphers or
// keys. Whoever owns the socket calls Parse again with more bytes on ErrMore.
// There is one file, clienthello.go.
package clienthello
