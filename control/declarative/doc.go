// Package declarative reads a whole configuration from one document, kong.yml
// or JSON: it checks every entity by its schema, resolves references by name,
// gives ids, and returns records that a store takes as they are
// (dao.Store.ReplaceAll). Errors say where: entity, entry, field.
//
// It is not a store and applies nothing. Read load.go first; it is the order
// of the steps. document.go walks the document, references.go and ids.go link
// the entities, yaml.go bounds what a hostile document can cost.
package declarative
