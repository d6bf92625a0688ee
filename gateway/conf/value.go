package conf

// Source says where a setting's value came from.
type Source uint8

// The sources, weakest first.
const (
	FromDefault Source = iota
	FromFile
	FromEnv
	FromFlag
)

// Value is a setting as it was given, before typing.
type Value struct {
	// Text is the value; Unset says that there is none (an empty variable also removes the default).
	Text   string
	Unset  bool
	Source Source
	// Origin names the variable or the file and line, for messages.
	Origin string
}

// Inject is one injected nginx directive, e.g. from nginx_http_client_max_body_size.
type Inject struct {
	Name  string // client_max_body_size
	Value string
}
