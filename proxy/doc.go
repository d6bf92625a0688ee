// Package proxy is the data plane: it accepts clients, takes each request
// through its life and answers.
//
// serve.go is that life on one screen: the steps of a request in order. The
// other files are its parts: peer.go (a request's two sides), client.go and
// client_h2.go (HTTP/1.1 and HTTP/2 to clients), route.go, balance.go,
// upstream.go and upstream_h2.go (the same to upstreams), respond.go and
// collect.go (what the client gets, as it comes or as a whole), errors.go (the
// gateway's own answers), tunnel.go (upgraded connections), websocket.go (the
// same where plugins see frames). A request lives on one worker's loop; nothing
// here is locked.
//
// It builds no snapshots (proxy/snapshot does) and chooses no plugins
// (proxy/pipeline does). Read serve.go first.
package proxy
