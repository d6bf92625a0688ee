package plugin

// Endpoint is a path of the Admin API that a plugin answers: one of its own,
// or one that lies over an entity's generated endpoints. It declares; whoever
// serves the Admin API routes to it and has the plugin's Runtime run the
// function, in phase.AdminAPI.
type Endpoint struct {
	// Path begins with a slash; ":name" is a parameter, one segment.
	Path string
	// Methods that have a function of the plugin's, sorted: "GET", "POST" …
	// HEAD is answered by GET, OPTIONS by the list.
	Methods []string
	// Before: a function that runs before that of any method, and may answer itself.
	Before bool
	// Entity is the kind whose generated endpoints at Path answer the methods
	// that the plugin has no function for, and which its functions get as
	// "parent"; "" for a path of the plugin's own.
	Entity string
}
