// Package snapshot is the immutable runtime state that requests run on, and
// how it is built from stored entities: router, plugin plans, balancers,
// certificates.
//
// Build returns the snapshot and a list of problems: one bad entity never
// unseats good state. It keeps no consumers or credentials (engine/dao does).
// Read snapshot.go, then build.go.
package snapshot
