package schema

// Schema describes an entity, a plugin's configuration or a vault's.
type Schema struct {
	Name string

	// PrimaryKey defaults to id.
	PrimaryKey []string
	// EndpointKey is the field that may stand for the id in paths and
	// references, "" for none.
	EndpointKey string
	// CacheKey are the fields that make an entity unique together.
	CacheKey []string
	// Workspaceable entities belong to a workspace.
	Workspaceable bool
	// TTL entities may expire.
	TTL bool
	// NoAdminAPI hides the entity from the Admin API; NoExport from exports.
	NoAdminAPI         bool
	NoExport           bool
	AdminAPIName       string
	AdminAPINestedName string
	TableName          string
	// DAO names a Lua module whose functions replace methods of kong.db.NAME
	// for Lua code; "" for none.
	DAO string

	Fields          []Field
	EntityChecks    []EntityCheck
	ShorthandFields []Shorthand
	Transformations []Transformation
	// Check runs after everything else held.
	Check func(record map[string]any) error

	// SubschemaKey names the field (a string or a set of strings) that
	// selects further rules; Subschema finds them.
	SubschemaKey string
	Subschema    func(key string) (*Schema, bool)
	// SubschemaError is the text for an unknown key, with %s for it.
	SubschemaError string
}

// Context is what a record is processed for.
type Context int

// The contexts.
const (
	Insert Context = iota
	Update
	Upsert
	Select
)

// EntityCheck is a rule over several fields; exactly one member is set.
// Field names may be dotted paths ("config.redis.host").
type EntityCheck struct {
	AtLeastOneOf            []string
	OnlyOneOf               []string
	MutuallyRequired        []string
	MutuallyExclusive       []string
	MutuallyExclusiveSets   *ExclusiveSets
	Distinct                []string
	Conditional             *Conditional
	ConditionalAtLeastOneOf *ConditionalAtLeastOneOf
	CustomEntityCheck       *CustomEntityCheck
}

// ExclusiveSets: fields of Set1 and of Set2 may not be given together.
type ExclusiveSets struct{ Set1, Set2 []string }

// Conditional: where IfField passes IfMatch, ThenField must pass ThenMatch.
type Conditional struct {
	IfField   string
	IfMatch   Field
	ThenField string
	ThenMatch Field
	// ThenErr replaces the entity's error text; %s is the if field's name.
	ThenErr string
}

// ConditionalAtLeastOneOf: where IfField passes IfMatch, one of the fields
// must be given; else, where it passes ElseMatch, one of the others.
type ConditionalAtLeastOneOf struct {
	IfField              string
	IfMatch              Field
	ThenAtLeastOneOf     []string
	ThenErr              string
	ElseMatch            *Field
	ElseThenAtLeastOneOf []string
	ElseThenErr          string
}

// CustomEntityCheck is a rule written as a function.
type CustomEntityCheck struct {
	// FieldSources are the fields that it looks at: it runs unless one of them
	// is invalid (or RunWithInvalidFields), and in an update if one of them
	// changes (or RunWithMissingFields).
	FieldSources         []string
	RunWithMissingFields bool
	RunWithInvalidFields bool
	// Fn gets the record, in which fields without a value are absent. An
	// Errors value names fields, another error is listed under @entity.
	Fn func(record map[string]any) error
}

// Transformation changes a record when it is written, before it is stored.
type Transformation struct {
	// Input fields must all be given for it to run; Needs must be given then.
	Input []string
	Needs []string
	// Always: it runs even where a declarative file turns transformations off
	// (normal forms and digests, as against hashing of secrets).
	Always bool
	// OnWrite returns fields to set.
	OnWrite func(record map[string]any) (map[string]any, error)
	// OnRead returns fields that who reads the stored record sees instead.
	OnRead func(record map[string]any) (map[string]any, error)
}

// Field finds a field of the schema by name.
func (s *Schema) Field(name string) (*Field, bool) { return fieldOf(s.Fields, name) }

func fieldOf(fs []Field, name string) (*Field, bool) {
	for i := range fs {
		if fs[i].Name == name {
			return &fs[i], true
		}
	}
	return nil, false
}

// Config finds the config record of a plugin's or vault's schema.
func (s *Schema) Config() (*Field, bool) { return s.Field("config") }

// Keys returns the primary key's fields.
func (s *Schema) Keys() []string {
	if len(s.PrimaryKey) == 0 {
		return []string{"id"}
	}
	return s.PrimaryKey
}
