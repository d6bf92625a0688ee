// Package dao is the one door to entities: declarative files, the Admin API,
// cluster sync, kong.db and plugins read and write through it. It validates
// by schema, keeps unique fields and cache keys unique, checks foreign keys,
// cascades, and tells subscribers what changed.
//
// It holds no routing state (see proxy/snapshot) and knows no plugin: kinds
// are declared by schemas. Read store.go first; memory.go is the store that
// keeps everything in memory.
package dao
