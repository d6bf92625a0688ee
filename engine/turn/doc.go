// Package turn spreads a sequence of turns over weighted members: exactly by
// weight over a full turn and as evenly as possible within it. Several
// goroutines may draw turns at once without a lock.
//
// It knows neither health nor addresses; engine/balancer and engine/dns use it.
package turn
