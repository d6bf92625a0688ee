// Package pdktest runs a Go plugin's phases against a request that is written
// as text, without a network, a router or a configuration file:
//
//	e := pdktest.New(t, "GET /path?key=1\nHost: example.test\nX-One: 1\n")
//	err := e.RunAccess(handler)
//	e.Status(), e.Body(), e.Sent("X-Consumer-Username") …
//
// It is a stand-in for the proxy's side of the PDK (pdk.Host), for unit tests
// only; plugintest drives the real proxy. Read pdktest.go first.
package pdktest
