// Package gateway assembles the gateway: it knows everybody, and everything
// else knows only what lies below it. Run is the whole life of a gateway,
// Check is `gibbon check`'s and `start`'s look at the configuration before.
//
// It holds no mechanism of its own; read Run first.
package gateway

import (
	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// Signal is what an operator asks of a running gateway.
type Signal uint8

// The signals; the operating system's signal that cmd/gibbon maps to each is in parentheses.
const (
	Reload Signal = iota // build the configuration anew, drop no connection (SIGHUP)
	Reopen               // reopen the log files (SIGUSR1)
	Quit                 // stop accepting, let requests end, then return (SIGQUIT)
	Stop                 // close everything and return (SIGTERM, SIGINT)
)

// Options is what Run needs beside the settings.
type Options struct {
	// Signals delivers the operator's wishes; nil = none ever come.
	Signals <-chan Signal
	// Ready is called once, when every listener accepts and the first snapshot serves; may be nil.
	Ready func()
	// Settings reads the settings anew for a Reload; nil = the old ones stay.
	Settings func() (*conf.Config, []conf.Warning, error)
	// Warnings are what is odd about the settings, to be written to the error log.
	Warnings []conf.Warning
}
