// Package dns is a caching stub resolver with the rules that Kong users know:
// an order of record types, SRV records that override ports and weights, stale
// answers while a refresh is under way, and separate times to live for names
// that do not exist and servers that fail.
//
// It is not a recursive resolver and does not validate DNSSEC. Read resolver.go
// first; cache.go is what is kept and for how long, exchange.go speaks to name
// servers, hosts.go and resolvconf.go read the system's files.
package dns
