// Package process starts servers for tests and benchmarks: a command in a process group of its own, awaited until it listens,
// ended for certain, on ports that no other test has. It knows no gateway; what is started, and with which settings, is the caller's.
package process
