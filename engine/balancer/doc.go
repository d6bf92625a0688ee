// Package balancer spreads the requests of one upstream over its targets: the
// addresses of targets that are names, weights, four algorithms, hashing keys,
// and no address that is unhealthy or that failed this request before.
//
// It opens no connection and judges no answer: the proxy asks for a peer
// (Pick) and says how it went (Done). Health is kept in engine/health, names
// are resolved by engine/dns. Read balancer.go first.
package balancer
