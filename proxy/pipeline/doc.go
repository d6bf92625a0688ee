// Package pipeline decides which plugins run in which phase and runs them.
//
// A Plan is compiled per (route, service) when a snapshot is built: for each
// phase the plugins in order, each with its most specific configuration, with
// neighbours of one foreign runtime joined into one unit. A Run is a request's
// way through its plan. Where configurations depend on the consumer, the
// request collects its own list as it goes through access.
//
// It knows no connection: the proxy tells it when to run what. Read plan.go first.
package pipeline
