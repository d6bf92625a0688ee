// Package pdk is what a plugin may see and do: the Go form of Kong's plugin
// development kit. Names map mechanically: kong.request.get_header(n) is
// k.Request.Header(n), kong.service.request.set_header is
// k.Service.Request.SetHeader, kong.router.get_route is k.Router.Route.
//
// Kong is the one record per request. Its modules (Request, Response, Service,
// Client, Ctx, Log) are views on it, one file each; the Lua runtime calls the
// same code for everything that its C accessors do not answer. What needs the
// proxy's help goes through the Host interface; rendezvous.go tells how a
// blocking handler waits for it. Where the reference throws, a method returns
// an error with the reference's text. Strings that point into the exchange are
// valid until it ends: clone them to keep them.
//
// It does not run plugins, and it knows none. Read kong.go first.
package pdk
