// Package errorpage renders the answers that the gateway itself makes: the
// texts of HTTP statuses, the JSON, HTML, XML and plain forms with their
// templates, the choice among them by Accept, the gRPC form, and the small
// HTML pages for a bare status.
//
// The proxy uses it for its own errors and plugin/pdk for
// kong.response.error. It writes no response. Read errorpage.go first.
package errorpage
