// Package proxy is the data plane: it accepts clients, takes each request
// through its life and answers.
//
// serve.go is that life on one screen: the steps of a request in order. The
// other files are its parts: client.go (HTTP/1.1 to clients), route.go,
// balance.go, upstream.go (HTTP/1.1 to upstreams), respond.go (what the client
// gets), errors.go (the gateway's own answers), tunnel.go (upgraded
// connections), websocket.go (the same where plugins see frames). A request lives on one worker's loop; nothing here is locked.
//
// It builds no snapshots (proxy/snapshot does) and chooses no plugins
// (proxy/pipeline does). Read serve.go first.
package proxy
