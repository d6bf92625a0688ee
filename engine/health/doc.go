// Package health keeps the health of upstream addresses: passive reports of
// proxied traffic and active probes feed counters, counters against
// thresholds make an address healthy or unhealthy.
//
// State lives by upstream id in a Registry, outside of snapshots, so that a
// rebuild of the configuration loses nothing and the Admin API reads what the
// data plane writes. It does not choose peers (engine/balancer) and does not
// resolve names (engine/dns). Read address.go first.
package health
