package dao

import (
	"errors"
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

var errNoKind = errors.New("no such kind of entity")

// Code classifies an Error, with the numbers the Admin API shows.
type Code int

// The codes.
const (
	InvalidPrimaryKey     Code = 1
	SchemaViolation       Code = 2
	PrimaryKeyViolation   Code = 3
	ForeignKeyViolation   Code = 4
	UniqueViolation       Code = 5
	NotFound              Code = 6
	InvalidOffset         Code = 7
	DatabaseError         Code = 8
	InvalidSize           Code = 9
	InvalidUnique         Code = 10
	InvalidOptions        Code = 11
	OperationUnsupported  Code = 12
	ForeignKeysUnresolved Code = 13
	DeclarativeConfig     Code = 14
	ReferencedByOthers    Code = 19
)

var codeNames = map[Code]string{
	InvalidPrimaryKey: "invalid primary key", SchemaViolation: "schema violation",
	PrimaryKeyViolation: "primary key violation", ForeignKeyViolation: "foreign key violation",
	UniqueViolation: "unique constraint violation", NotFound: "not found", InvalidOffset: "invalid offset",
	DatabaseError: "database error", InvalidSize: "invalid size", InvalidUnique: "invalid unique name",
	InvalidOptions: "invalid options", OperationUnsupported: "operation unsupported", ForeignKeysUnresolved: "foreign keys unresolved",
	DeclarativeConfig: "invalid declarative configuration", ReferencedByOthers: "referenced by others",
}

// String is the reference's name of the code.
func (c Code) String() string { return codeNames[c] }

// Error is a refused write or a bad question, in the Admin API's terms.
type Error struct {
	Code    Code
	Message string
	// Fields is the `fields` object of the answer: an Errors tree or the
	// values in conflict.
	Fields map[string]any
}

func (e *Error) Error() string { return e.Message }

// asViolation wraps the error of a schema.
func asViolation(err error) error {
	var t schema.Errors
	if errors.As(err, &t) {
		return &Error{Code: SchemaViolation, Message: t.Error(), Fields: t}
	}
	return err
}

func uniqueViolation(fields map[string]any) error {
	return &Error{Code: UniqueViolation, Fields: fields,
		Message: fmt.Sprintf("UNIQUE violation detected on '%s'", schema.Compact(fields))}
}

func primaryViolation(f map[string]any) error {
	return &Error{Code: PrimaryKeyViolation, Fields: f,
		Message: fmt.Sprintf("primary key violation on key '%s'", schema.Compact(f))}
}

func foreignViolation(field, kind string, ref map[string]any) error {
	return &Error{Code: ForeignKeyViolation, Fields: map[string]any{field: ref},
		Message: fmt.Sprintf("the foreign key '%s' does not reference an existing '%s' entity.", schema.Compact(ref), kind)}
}
