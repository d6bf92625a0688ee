// Package router finds the route of a request or of a layer-4 session.
//
// It knows three flavors of the reference: traditional_compatible (the
// default), traditional and expressions. Whatever a route is written in, it is
// compiled into rules (rule.go): a rule has the terms that can be looked up
// (host, server name, beginning of the path) and the checks that are left. All
// rules of a router stand in one order of precedence (priority.go); Match walks
// the index (index.go) and keeps the best rule that passes its checks.
//
// It is not the proxy: it says which route matched and what of the path, and
// UpstreamPath (upstream.go) says which path the upstream is asked for. Plugins,
// load balancing and error answers live elsewhere.
//
// Read router.go first. The expression language is in the folder atc.
package router
