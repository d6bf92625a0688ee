package schema

import "encoding/json"

// Type names a kind of field, in the reference's words.
type Type string

// The field types.
const (
	String   Type = "string"
	Integer  Type = "integer"
	Number   Type = "number"
	Boolean  Type = "boolean"
	Array    Type = "array"
	Set      Type = "set"
	Map      Type = "map"
	Record   Type = "record"
	Foreign  Type = "foreign"
	Function Type = "function"
	JSON     Type = "json"
)

// null is the type of Null.
type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }
func (null) String() string               { return "null" }

// Null is an explicit null in a record or in a schema attribute (Default, Eq,
// Ne). It compares with ==.
var Null any = null{}

var _ json.Marshaler = null{}

// Validator is a check written in Go (or a Lua function wrapped as one). The
// error's text is the field's error; an Errors value becomes a subtree.
type Validator func(value any) error

// Field is one field of a schema. Zero attributes are absent attributes.
type Field struct {
	Name string
	Type Type

	// Required: the field must not be null. A record is required unless
	// Optional is set.
	Required bool
	// Optional is `required = false` written out.
	Optional bool
	// Default is used when the field is not given; Null means "null by
	// default", nil means no default.
	Default any
	// Auto generates the value on insert: a UUID, a timestamp or a random string.
	Auto bool
	// UUID: a string that must be a UUID.
	UUID bool
	// Timestamp: a number of seconds since the epoch, above zero.
	Timestamp bool
	// Unique within a workspace; UniqueAcrossWS within all.
	Unique         bool
	UniqueAcrossWS bool
	// Immutable fields may not change in an update.
	Immutable bool
	// Transient fields are accepted and shown but not stored.
	Transient bool
	// Referenceable strings may be a {vault://…} reference, which skips the
	// other string checks.
	Referenceable bool
	// Encrypted marks secrets.
	Encrypted bool
	// Abstract fields are defined by a subschema.
	Abstract bool
	// Nilable fields may be absent even where nulls are filled in.
	Nilable bool

	// Checks of values.
	Between []float64 // two numbers, inclusive
	Gt      *float64
	Eq      any // Null: the value must be null
	Ne      any
	OneOf   []any
	// AlsoOneOf are accepted like OneOf, but neither errors nor exports name
	// them: the recorded texts list OneOf alone.
	AlsoOneOf  []any
	NotOneOf   []any
	LenMin     *int // strings default to 1
	LenEq      *int
	LenMax     *int
	Match      string // a Lua pattern
	NotMatch   string
	MatchAll   []Pattern
	MatchNone  []Pattern
	MatchAny   *AnyPattern
	StartsWith string
	Contains   any
	// MutuallyExclusiveSubsets: a set may have elements of one list only.
	MutuallyExclusiveSubsets [][]string
	// Custom is the reference's custom_validator; it runs last.
	Custom Validator
	// Err replaces the text of a failed check.
	Err string

	// Elements of arrays and sets; Keys and Values of maps; Fields and
	// EntityChecks of records.
	Elements     *Field
	Keys         *Field
	Values       *Field
	Fields       []Field
	EntityChecks []EntityCheck
	// ShorthandFields of a record are accepted in its place and translated.
	ShorthandFields []Shorthand

	// Reference is the entity that a foreign field points to.
	Reference string
	// OnDelete is "", "cascade" or "null".
	OnDelete string
	// Owned: the parent takes this entity along when it is deleted, although
	// OnDelete does not say so.
	Owned bool

	// Deprecation makes the loader warn.
	Deprecation *Deprecation
	Description string
	Examples    []any

	// JSONSchema checks a field of type JSON.
	JSONSchema Validator
}

// Pattern is a Lua pattern with its own error text.
type Pattern struct {
	Pattern string
	Err     string
}

// AnyPattern holds patterns one of which must match.
type AnyPattern struct {
	Patterns []string
	Err      string
}

// Deprecation says what replaces a field and when it goes.
type Deprecation struct {
	Message          string
	RemovalInVersion string
	// OldDefault silences the warning when the value is this one.
	OldDefault any
}

// Shorthand is a field that is accepted on input and turned into others.
type Shorthand struct {
	Field
	// Fn returns the fields that stand for value; they win over fields given
	// beside the shorthand.
	Fn func(value any) (map[string]any, error)
	// OnNull calls Fn for an explicit Null too.
	OnNull bool
	// ReplacedWith are the paths of the fields that took this one's place
	// (an alternative to Fn); both given with different values is an error.
	ReplacedWith [][]string
	// TranslateBackwards is the path whose value the shorthand shows on output.
	TranslateBackwards []string
}

// Int is a pointer to n, for LenMin, LenEq, LenMax.
func Int(n int) *int { return &n }

// Num is a pointer to n, for Gt.
func Num(n float64) *float64 { return &n }

// List makes a list of values, for OneOf and the like.
func List[T any](v ...T) []any {
	out := make([]any, len(v))
	for i := range v {
		out[i] = Normalize(v[i])
	}
	return out
}

// Named returns a copy of a typedef under a name, with changes applied.
func (f Field) Named(name string, change ...func(*Field)) Field {
	f.Name = name
	for _, c := range change {
		c(&f)
	}
	return f
}

// required tells if null is refused.
func (f *Field) required() bool {
	if f.Type == Record && !f.Abstract {
		return !f.Optional
	}
	return f.Required
}
