package conf

import (
	"sort"
	"strings"
)

// Type is what a setting's text is read as.
type Type uint8

// The types.
const (
	String  Type = iota // as it stands
	Number              // a decimal number
	Boolean             // on or off, also true or false
	Switch              // as Boolean, but plugins see the text on or off
	Array               // comma separated
	Prefix              // any setting whose name begins so; a string
)

// String is the type's word in docs/settings.md.
func (t Type) String() string {
	return [...]string{"string", "number", "on/off", "on/off", "list", "any"}[t]
}

// Tier is the edition a setting belongs to.
type Tier uint8

// The tiers.
const (
	Open Tier = iota
	Enterprise
)

// Setting is one row of the table of settings. Names, defaults and allowed
// values are the reference's (Kong 3.9.3).
type Setting struct {
	// Name is the key of kong.conf; of a Prefix, what such keys begin with.
	Name string
	Type Type
	// Default is the default in kong.conf's syntax; empty: none.
	Default string
	// Enum lists the allowed values, in the order that messages give them in; empty: any.
	Enum []string
	Tier Tier
	// AliasOf names the setting that this is another name of.
	AliasOf string
	// Deprecated says that the name is old.
	Deprecated bool
	// Secret values are never shown by Clean.
	Secret bool
	// Part names the part of the gateway that reads the setting once it is there (admin, status, database, hybrid, manager, wasm, pluginserver, tracing, debug).
	Part string
	// NoEffect is the reason why the setting changes nothing here; setting it is warned about.
	NoEffect string
	// Doc is a sentence for docs/settings.md.
	Doc string
}

// tables are the rows by file, in the order of docs/settings.md.
var tables = []struct {
	title string
	rows  []Setting
}{
	{"The node", generalSettings},
	{"Listeners, TLS and answers", trafficSettings},
	{"Entities and the database", datastoreSettings},
	{"DNS", dnsSettings},
	{"Plugins and the Lua runtime", runtimeSettings},
	{"Hybrid mode and Kong Manager", hybridSettings},
	{"Injected directives", directivesSettings},
	{"Enterprise", enterpriseSettings},
}

// rows indexes the settings with a fixed name; prefixes has the others, longest first.
var rows, prefixes = index()

func index() (map[string]*Setting, []*Setting) {
	named, open := map[string]*Setting{}, []*Setting{}
	for i := range tables {
		for j := range tables[i].rows {
			s := &tables[i].rows[j]
			if s.Type == Prefix {
				open = append(open, s)
			} else {
				named[s.Name] = s
			}
		}
	}
	sort.SliceStable(open, func(i, j int) bool { return len(open[i].Name) > len(open[j].Name) })
	return named, open
}

// Lookup finds the row of a setting; for a name that only a dynamic prefix
// covers, such as nginx_http_gzip, it is the prefix's row.
func Lookup(name string) (*Setting, bool) {
	if s, ok := rows[name]; ok {
		return s, true
	}
	for _, s := range prefixes {
		if len(name) > len(s.Name) && strings.HasPrefix(name, s.Name) {
			return s, true
		}
	}
	return nil, false
}
