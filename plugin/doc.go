// Package plugin says what a plugin is: its declaration (Plugin), the phases
// it may implement (one-method interfaces in phases.go) and the registry that
// bundled plugins join in their init functions.
//
// The life of a plugin: Register at init → its Config schema checks every
// configuration that is stored → when a snapshot is built, New makes one
// Handler per enabled configuration → the pipeline calls the handler's phases,
// with the plugins of one phase ordered by Priority → a later snapshot drops
// the handler. A Lua plugin and an external one become the same Plugin value,
// with a Runtime instead of New.
//
// It does not run plugins (proxy/pipeline does) and offers them nothing
// (plugin/pdk does). Read plugin.go first; endpoint.go is what a plugin adds to
// the Admin API.
package plugin
