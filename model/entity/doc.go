// Package entity holds Kong's core entities: one file per entity with its
// schema (what may be written) and, where the data plane needs one, the typed
// struct that a stored record is decoded into once, when a snapshot is built.
//
// It is not a store (see engine/dao) and knows no plugin: plugins bring their
// own entities as schemas. Read route.go first.
package entity
