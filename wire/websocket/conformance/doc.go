// Package conformance is the numbered behaviours of RFC 6455 and RFC 7692 that
// the Autobahn test suite covers (sections 1–7, 9, 10, 12 and 13), as a table
// of cases of our own, and the client that plays them against an echo server.
//
// Tests use it; nothing of the gateway does. Cases in cases.go are raw frames
// sent in pieces and what must come back; read Run first.
package conformance
