package declarative

import "github.com/gibbon-gateway/gibbon/model/schema"

// Error is a configuration that does not hold.
type Error struct {
	// Fields is the tree of violations along the document, as the Admin API
	// shows it; a document that cannot be read has the one key "error".
	Fields schema.Errors
	// Entities lists the same by entity (flatten_errors).
	Entities []EntityError
}

// EntityError is one entity and what is wrong with it.
type EntityError struct {
	Kind string
	// Entity is the entity as written, without nested ones.
	Entity map[string]any
	Errors schema.Errors
}

// Error is the text that `config parse` and `start` show: the tree,
// indented, or what is wrong with the document.
func (e *Error) Error() string {
	if text, ok := e.Fields["error"].(string); ok && len(e.Fields) == 1 {
		return text
	}
	return e.Fields.Indented()
}

// Message is the one-line text of the Admin API.
func (e *Error) Message() string {
	return "declarative config is invalid: " + e.Fields.Compact()
}

func documentError(err error) error {
	return &Error{Fields: schema.Errors{"error": err.Error()}}
}
