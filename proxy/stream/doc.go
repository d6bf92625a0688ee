// Package stream is the data plane of layer 4: TCP, TLS and UDP sessions.
//
// A session is accepted, its route is found, plugins run preread, the balancer
// chooses where it goes, and then its bytes pass both ways until one side is
// done; log comes last. serve.go is that life on one screen. tcp.go and udp.go
// are the two transports, relay.go moves the bytes of TCP (by splice where
// nobody looks at them), hello.go reads what comes before TLS.
//
// It is not HTTP's tunnel (proxy/tunnel.go), builds no snapshots and chooses
// no plugins. Read serve.go first.
package stream
