// Package vault turns references such as {vault://env/name/key} into secrets:
// reference.go takes a reference apart, resolver.go finds its value and
// remembers it, env.go is the vault of environment variables.
//
// It does not know which fields may hold references (model/schema does), and
// it stores no vault entities: a Resolver is told how to look them up. Every
// answer comes from memory; a kind of vault that has to be asked over the
// network will need a door of its own that may wait.
package vault
